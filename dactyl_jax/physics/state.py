"""The rows every engine shares: one state, one report and one set of parameters per environment."""

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
_MAX_SPEED = 1e3  # m/s and rad/s: beyond this a simulation has diverged


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State:
    """All that physics remembers between calls, float32, batch first.

    Two calls with the same row, parameters and engine give the same result, so that resets and
    checkpoints never reach into an engine.
    """

    qpos: jax.Array  # [env, nq] m and rad; quaternions (w, x, y, z)
    qvel: jax.Array  # [env, nv] m/s and rad/s
    ctrl: jax.Array  # [env, nu] target angles, rad
    qacc_warmstart: jax.Array  # [env, nv] the solver's first guess
    qfrc_applied: jax.Array  # [env, nv] N and N m
    time: jax.Array  # [env] s


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class StepInfo:
    """What an engine says about a call besides the new state, batch first."""

    contact_force: jax.Array  # [env, 3] N, world: constraint force on the object, last substep
    overflow: jax.Array  # [env] bool: contacts or constraints were left out for want of room
    diverged: jax.Array  # [env] bool: bad or non-finite values, the row is not to be used


def sound(state: State) -> jax.Array:
    """Whether an environment's state is finite and of possible speed, `[E]` bool."""
    speeds = jnp.all(jnp.abs(state.qvel) < _MAX_SPEED, axis=-1)  # False for NaN too
    return speeds & jnp.all(jnp.isfinite(state.qpos), axis=-1)


def initial_state(model: mujoco.MjModel, num_envs: int) -> State:
    """The model's reference pose at rest, without control, in every environment."""

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
    """The model's own value of a parameter field.

    Raises:
      ValueError: `field` is no floating-point field of the model.
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
    """The model's own values of `fields`, repeated: field -> [env, ...] float32 (writable)."""
    return {
        field: np.repeat(nominal_value(model, field)[None].astype(np.float32), num_envs, axis=0)
        for field in fields
    }


def object_force_slice(model: mujoco.MjModel) -> slice:
    """Where the object's three linear degrees of freedom lie in qvel.

    Raises:
      ValueError: the model has no free joint of the object's name.
    """
    joint = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_JOINT, OBJECT_JOINT)
    if joint < 0 or model.jnt_type[joint] != mujoco.mjtJoint.mjJNT_FREE:
        raise ValueError(f"model: needs a free joint called {OBJECT_JOINT!r}, and has none")
    start = int(model.jnt_dofadr[joint])
    return slice(start, start + 3)
