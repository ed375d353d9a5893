"""The table in the ray tracer's images: a plane needs no ray tracing. It shows no shadows."""

import jax
import jax.numpy as jnp
import numpy as np

from dactyl_jax.hand import model as assembly
from dactyl_jax.hand import rig
from dactyl_jax.rendering.looks import Looks
from dactyl_jax.rendering.raytracer import pack


def draw_table(looks: Looks, position: jax.Array, turn: jax.Array, size: int) -> jax.Array:
    """Renders the table as if nothing were in front of it.

    Args:
        looks: appearance of one frame.
        position: positions of the cameras, `[camera, 3]` m, world frame.
        turn: rotation matrices of the cameras, `[camera, 3, 3]`.
        size: width and height of an image, pixels.

    Returns:
        `[camera, size, size]`, packed like the ray tracer's pixels.
    """
    height = assembly.PALM_POSITION[2] - rig.TABLE_DEPTH
    steps = (2 * jnp.arange(size) + 1) / size - 1
    half = jnp.tan(jnp.radians(looks.field_of_view) / 2)[:, None]
    across, down = half * steps, -half * steps  # [camera, size]
    # Rays (across, down, -1) in the cameras' frames, transformed to the world axis by axis.
    x, y, z = (
        across[:, None, :] * turn[:, i, 0, None, None]
        + down[:, :, None] * turn[:, i, 1, None, None]
        - turn[:, i, 2, None, None]
        for i in range(3)
    )
    reach = (height - position[:, 2, None, None]) / jnp.minimum(z, -1e-3)
    pictures = jnp.asarray(np.stack(list(rig.patterns().values())), jnp.float32)
    pixels = pictures.shape[1]
    column = _repeated(position[:, 0, None, None] + reach * x, pixels)
    row = _repeated(-position[:, 1, None, None] - reach * y, pixels)
    light = looks.light_ambient + jnp.sum(
        jnp.maximum(-looks.light_direction[:, 2:], 0.0) * looks.light_colour, axis=0
    )
    # Colour the pattern before the look-up, because it has far fewer pixels than the images.
    colours = 255 * jnp.minimum(light * looks.table * pictures[looks.pattern][..., None], 1.0)
    return pack(jnp.round(colours).astype(jnp.uint8))[row, column]


def _repeated(metres: jax.Array, pixels: int) -> jax.Array:
    return jnp.floor(metres * (pixels / rig.PATTERN_PERIOD)).astype(jnp.int32) % pixels
