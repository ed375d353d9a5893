"""Engines based on MuJoCo MJX: `mjx-jax` in pure JAX, `mjx-warp` with MuJoCo Warp's kernels."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from mujoco import mjx

from dactyl_jax.physics import capacity as capacity_lib
from dactyl_jax.physics import constants
from dactyl_jax.physics import state as state_lib
from dactyl_jax.physics.capacity import Capacity
from dactyl_jax.physics.state import Parameters, State, StepInfo

# Bits of MuJoCo Warp's per-environment overflow mask that mean lost contacts or constraints. Its
# two highest numeric bits (1 << 9, 1 << 10) only report that the solver or its line search used all
# of the model's iterations, which is intended; 1 << 11 concerns touch sensors.
_LOST = (1 << 9) - 1


class MjxEngine:
    """Steps environments with MJX; see `Engine` for the interface.

    Fields given as parameters are batched over environments; all others are shared. MJX cannot
    derive constants, so parameters must come from `derive`.
    """

    def __init__(self, model: mujoco.MjModel, impl: str, capacity: Capacity | None = None):
        """Puts `model` on the device; `impl` is `jax` or `warp`.

        Args:
          model: copied, never modified.
          impl: MJX implementation.
          capacity: for `warp`, the capacity for contacts and constraints; measured from the model
            (`capacity.measure`) by default.
        """
        self.name = f"mjx-{impl}"
        self.model = constants.without_autoreset(model)
        self._impl = impl
        self._object = state_lib.object_force_slice(model)
        self._capacity = capacity
        # MJX has no auto-reset, and MuJoCo Warp rejects the flag that disables it.
        plain = constants.without_autoreset(model)
        plain.opt.disableflags &= ~int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)
        self._plain = plain
        if impl == "warp":
            import warp

            # Suppress the line that Warp prints for every kernel it loads.
            warp.config.log_level = max(warp.config.log_level, warp.LOG_WARNING)
        self._mjx_model = mjx.put_model(plain, impl=impl)
        if impl == "warp":
            if capacity is None:
                pairs = np.asarray(self._mjx_model._impl.nxn_geom_pair_filtered)
                self._capacity = capacity_lib.measure(model, pairs)
            # Report overflow in StepInfo instead of printing it from kernels.
            self._mjx_model = self._mjx_model.tree_replace({"opt._impl.warn_overflow": 0})

    def step(self, parameters: Parameters, state: State, num_steps: int) -> tuple[State, StepInfo]:
        """Runs `num_steps` physics steps with constant controls and applied forces."""
        return self._step(parameters, state, num_steps)

    @functools.partial(jax.jit, static_argnums=(0, 3))
    def _step(self, parameters: Parameters, state: State, num_steps: int) -> tuple[State, StepInfo]:
        model, model_axes = self.batched_model(parameters)
        template = self.make_data(state.qpos.shape[0])

        def one_environment(model: mjx.Model, state: State) -> tuple[State, Any, Any]:
            data = write_state(template, state)
            data, _ = jax.lax.scan(
                lambda data, _: (advance(model, data), None), data, length=num_steps
            )
            force = data.qfrc_constraint[self._object]
            overflow = data._impl.overflow if self._impl == "warp" else jnp.zeros((), jnp.int32)
            return read_state(data), force, overflow

        with jax.default_matmul_precision("highest"):
            stepped, force, overflow = jax.vmap(one_environment, in_axes=(model_axes, 0))(
                model, state
            )
        return stepped, StepInfo(
            contact_force=force, overflow=(overflow & _LOST) != 0, diverged=_diverged(stepped)
        )

    def batched_model(self, parameters: Parameters) -> tuple[mjx.Model, mjx.Model]:
        """The model with `parameters` in place, and each field's batch axis."""
        values, axes = {}, {}
        for name, value in parameters.items():
            state_lib.nominal_value(self.model, name)
            is_option = name in state_lib.OPTION_FIELDS
            held = getattr(self._mjx_model.opt if is_option else self._mjx_model, name, None)
            if held is None:
                raise ValueError(f"physics parameter {name!r}: MJX has no such field")
            path = f"opt.{name}" if is_option else name
            # Warp stores some fields in another shape, e.g. boxes as two vectors.
            values[path] = jnp.reshape(value, (-1, *jnp.shape(held)))
            axes[path] = 0
        unbatched = jax.tree.map(lambda _: None, self._mjx_model)
        return self._mjx_model.tree_replace(values), unbatched.tree_replace(axes)

    def make_data(self, num_envs: int) -> mjx.Data:
        """MJX data of one environment, with capacity for the contacts of `num_envs`."""
        with jax.ensure_compile_time_eval():
            if self._capacity is None:
                return mjx.make_data(self._plain, impl=self._impl)
            return mjx.make_data(
                self._plain,
                impl=self._impl,
                naconmax=num_envs * self._capacity.contacts,
                naccdmax=num_envs * self._capacity.convex_pairs,
                njmax=self._capacity.constraints,
            )


def advance(model: mjx.Model, data: mjx.Data) -> mjx.Data:
    """`mjx.step`, ordered so that it cannot deadlock XLA's thread pool on a CPU.

    With the integrator `implicitfast`, MJX factorises two independent matrices: the solver's
    Hessian and the integrator's. XLA runs them concurrently. On a CPU each batched factorisation
    occupies a thread of the pool while it waits for tasks queued on that pool, so two of them can
    deadlock (jaxlib 0.10.2; within seconds at 200 environments). Here the integrator's matrix
    depends on the solver's result, through the addition of zero times that result.
    """
    if model.impl == mjx.Impl.WARP or model.opt.integrator != mjx.IntegratorType.IMPLICITFAST:
        return mjx.step(model, data)
    data = mjx.forward(model, data)
    mass_matrix = data._impl.M + 0.0 * jnp.sum(data.qacc)
    return mjx.implicit(model, data.tree_replace({"_impl.M": mass_matrix}))


def write_state(data: mjx.Data, state: State) -> mjx.Data:
    """`data` with the fields of `state`; everything else that physics reads is recomputed."""
    return data.replace(
        qpos=state.qpos,
        qvel=state.qvel,
        ctrl=state.ctrl,
        qacc_warmstart=state.qacc_warmstart,
        qfrc_applied=state.qfrc_applied,
        time=state.time,
    )


def read_state(data: mjx.Data) -> State:
    """The state of `data`."""
    return State(
        qpos=data.qpos,
        qvel=data.qvel,
        ctrl=data.ctrl,
        qacc_warmstart=data.qacc_warmstart,
        qfrc_applied=data.qfrc_applied,
        time=data.time,
    )


def _diverged(state: State) -> jax.Array:
    """[env] bool: values that MuJoCo's checks would call bad (mjMAXVAL, NaN)."""
    values = jnp.concatenate([state.qpos, state.qvel, state.qacc_warmstart, state.ctrl], axis=-1)
    return ~jnp.all(jnp.abs(values) <= np.float32(mujoco.mjMAXVAL), axis=-1)
