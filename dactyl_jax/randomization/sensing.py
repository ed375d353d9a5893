"""Sensing terms: what the policy reads of the world, with errors drawn per episode and per step.

Only the policy's readings pass through here; the value function and the reward see the true state.
Laws are those of OpenAI (2018), Table 7.
"""

import dataclasses

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from dactyl_jax.hand import rotations


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Offsets:
    """Errors of an episode: fingertips `[E, 5, 3]` m, position `[E, 3]` m, rotation `[E, 4]`."""

    fingertips: jax.Array
    position: jax.Array
    rotation: jax.Array


def draw_offsets(keys: jax.Array, law: ConfigDict) -> Offsets:
    """Draws the errors of one episode for each environment's key `[E]`."""
    return _draw(keys, law.fingertip_episode, law.position_episode, law.orientation_episode)


def observe(
    keys: jax.Array,
    offsets: Offsets,
    fingertips: jax.Array,
    position: jax.Array,
    orientation: jax.Array,
    law: ConfigDict,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Adds the episode's errors and fresh ones of this step to true readings.

    Args:
        keys: `[E]`, one key an environment.
        offsets: the episode's errors.
        fingertips: `[E, 5, 3]` m.
        position: of the object, `[E, 3]` m.
        orientation: of the object, `[E, 4]`.
        law: standard deviations, the node `terms.observation_noise`.

    Returns:
        The readings as the policy sees them, of the same shapes.
    """
    noise = _draw(keys, law.fingertip_step, law.position_step, law.orientation_step)
    return (
        fingertips + offsets.fingertips + noise.fingertips,
        position + offsets.position + noise.position,
        rotations.multiply(noise.rotation, rotations.multiply(offsets.rotation, orientation)),
    )


def _draw(keys: jax.Array, fingertip: float, position: float, angle: float) -> Offsets:
    normal = jax.vmap(lambda key: jax.random.normal(key, (22,)))(keys)
    axis = normal[:, 18:21] / jnp.linalg.norm(normal[:, 18:21], axis=-1, keepdims=True)
    return Offsets(
        fingertips=fingertip * normal[:, :15].reshape(-1, 5, 3),
        position=position * normal[:, 15:18],
        rotation=rotations.from_axis_angle(axis, angle * normal[:, 21]),
    )
