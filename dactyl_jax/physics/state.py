"""Data that all engines share: state, report and parameters of each environment."""

import dataclasses
from collections.abc import Iterable

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

Parameters = dict[str, jax.Array]
"""MjModel field name -> [env, ...] float32; `gravity` and `timestep` are MjOption's."""

OPTION_FIELDS = ("gravity", "timestep")
OBJECT_JOINT = "object_joint"
_MAX_SPEED = 1e3  # m/s and rad/s: above this a simulation has diverged


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State:
    """Everything that physics remembers between calls, float32, batch first.

    Two calls with the same state, parameters and engine give the same result. Resets and
    checkpoints therefore never access an engine.
    """

    qpos: jax.Array  # [env, nq] m and rad; quaternions (w, x, y, z)
    qvel: jax.Array  # [env, nv] m/s and rad/s
    ctrl: jax.Array  # [env, nu] target angles, rad
    qacc_warmstart: jax.Array  # [env, nv] the solver's initial guess
    qfrc_applied: jax.Array  # [env, nv] N and N m
    time: jax.Array  # [env] s


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class StepInfo:
    """What an engine reports besides the new state, batch first."""

    contact_force: jax.Array  # [env, 3] N, world: constraint force on the object, last substep
    overflow: jax.Array  # [env] bool: contacts or constraints were dropped for lack of capacity
    diverged: jax.Array  # [env] bool: bad or non-finite values, do not use the state


def sound(state: State) -> jax.Array:
    """Whether an environment's state is finite and its speeds plausible, `[E]` bool."""
    speeds = jnp.all(jnp.abs(state.qvel) < _MAX_SPEED, axis=-1)  # False for NaN too
    return speeds & jnp.all(jnp.isfinite(state.qpos), axis=-1)


def initial_state(model: mujoco.MjModel, num_envs: int) -> State:
    """The model's reference pose at rest, with zero controls, in every environment."""

    def zeros(*shape: int) -> jax.Array:
        return jnp.zeros((num_envs, *shape), jnp.float32)

    qpos = np.tile(model.qpos0.astype(np.float32), (num_envs, 1))
    return State(
        qpos=jnp.asarray(qpos),
        qvel=zeros(model.nv),
        ctrl=zeros(model.nu),
        qacc_warmstart=zeros(model.nv),
        qfrc_applied=zeros(model.nv),
        time=zeros(),
    )


def nominal_value(model: mujoco.MjModel, field: str) -> np.ndarray:
    """The model's value of a parameter field.

    Raises:
      ValueError: `field` is not a floating-point field of the model.
    """
    value = getattr(model.opt if field in OPTION_FIELDS else model, field, None)
    array = np.asarray(value)
    if value is None or array.dtype.kind != "f":
        raise ValueError(
            f"physics parameter {field!r}: must be a floating-point field of MjModel or one of "
            f"{', '.join(OPTION_FIELDS)}"
        )
    return array


def nominal_parameters(
    model: mujoco.MjModel, num_envs: int, fields: Iterable[str]
) -> dict[str, np.ndarray]:
    """The model's values of `fields`, repeated: field -> [env, ...] float32 (writable)."""
    return {
        field: np.repeat(nominal_value(model, field)[None].astype(np.float32), num_envs, axis=0)
        for field in fields
    }


def object_force_slice(model: mujoco.MjModel) -> slice:
    """Slice of the object's three linear degrees of freedom in qvel.

    Raises:
      ValueError: the model has no free joint of the object's name.
    """
    joint = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_JOINT, OBJECT_JOINT)
    if joint < 0 or model.jnt_type[joint] != mujoco.mjtJoint.mjJNT_FREE:
        raise ValueError(f"model: needs a free joint called {OBJECT_JOINT!r}, but has none")
    start = int(model.jnt_dofadr[joint])
    return slice(start, start + 3)
