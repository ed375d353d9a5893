"""Delays the object's pose by some control steps before it reaches the agent."""

import jax
import jax.numpy as jnp

from dactyl_jax.envs import EnvState, Reorientation


def none_waiting(environments: int, latency: int) -> jax.Array:
    """Pending poses before the first step, `[E, latency, 7]`."""
    return jnp.zeros((environments, latency, 7))


def delay(
    env: Reorientation, state: EnvState, waiting: jax.Array, first: jax.Array
) -> tuple[EnvState, jax.Array]:
    """The state as observed with a delayed pose of the object.

    Everything else in the observation, including the goal, is current.

    Args:
        env: the task.
        state: state of all environments.
        waiting: positions and orientations of the previous steps, oldest first, `[E, latency, 7]`.
        first: whether an episode starts, `[E]`; its first pose is not delayed.

    Returns:
        The state with the delayed observation, and the poses now pending.

    Raises:
        ValueError: the policy of this environment observes the true state.
    """
    latency = waiting.shape[1]
    if not latency:
        return state, waiting
    pose = jnp.concatenate(env.seen_pose(state), axis=-1)[:, None]
    before = jnp.where(first[:, None, None], pose, waiting)
    told = before[:, 0]
    state = env.with_pose(state, told[:, :3], told[:, 3:])
    return state, jnp.concatenate([before[:, 1:], pose], axis=1)
