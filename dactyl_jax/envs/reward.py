"""The reward of one control step (OpenAI 2018, section 4.2)."""

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict


def reward(
    weights: ConfigDict, before: jax.Array, after: jax.Array, reached: jax.Array, dropped: jax.Array
) -> jax.Array:
    """What the turn gained on the goal, plus what reaching it or dropping the object brings.

    Args:
        weights: `config.env.reward`.
        before: angle to the goal before the step, `[E]` rad.
        after: angle to the same goal after it, `[E]` rad.
        reached: whether that goal was reached, `[E]` bool.
        dropped: whether the object fell, `[E]` bool.

    Returns:
        `[E]`.
    """
    return (
        weights.distance * (before - after)
        + jnp.where(reached, weights.goal, 0.0)
        + jnp.where(dropped, weights.drop, 0.0)
    )
