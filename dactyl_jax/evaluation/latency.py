"""Poses of the object that reach an agent some control steps late."""

import jax
import jax.numpy as jnp

from dactyl_jax.envs import EnvState, Reorientation


def none_waiting(environments: int, latency: int) -> jax.Array:
    """Poses on their way before the first step, `[E, latency, 7]`."""
    return jnp.zeros((environments, latency, 7))


def delay(
    env: Reorientation, state: EnvState, waiting: jax.Array, first: jax.Array
) -> tuple[EnvState, jax.Array]:
    """The state as an agent is told it to which the object's pose comes late.

    All else that it is told, the goal included, is as old as ever.

    Args:
        env: the task.
        state: of all environments.
        waiting: positions and orientations of the steps before, oldest first, `[E, latency, 7]`.
        first: whether an episode begins, `[E]`: its first pose is there at once.

    Returns:
        The state that is told, and the poses that wait now.

    Raises:
        ValueError: the policy of this environment sees the true state.
    """
    latency = waiting.shape[1]
    if not latency:
        return state, waiting
    pose = jnp.concatenate(env.seen_pose(state), axis=-1)[:, None]
    before = jnp.where(first[:, None, None], pose, waiting)
    told = before[:, 0]
    state = env.with_pose(state, told[:, :3], told[:, 3:])
    return state, jnp.concatenate([before[:, 1:], pose], axis=1)
