"""Square windows cut from the cameras' images, for a closer look at a part of them.

Image positions are right and down, -1 to 1 from edge to edge, of the image or of a window.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

SIZE = 64  # width and height of a window, pixels
SHARE = 0.4  # width of a window relative to the image's


def cut(pictures: ArrayLike, centres: ArrayLike) -> jax.Array:
    """Cuts a window from each image by linear interpolation; black beyond the edges.

    Args:
        pictures: `[n, height, width, 3]`, normalised.
        centres: `[n, 2]`, image positions of the windows' centres.

    Returns:
        `[n, SIZE, SIZE, 3]`.
    """
    pictures, centres = jnp.asarray(pictures), jnp.asarray(centres)
    height, width = pictures.shape[1:3]
    across = _weights(centres[:, 0], width)
    down = _weights(centres[:, 1], height)
    return jnp.einsum("nih,nhwc,njw->nijc", down, pictures, across)


def inside(places: ArrayLike, centres: ArrayLike) -> jax.Array:
    """Image positions `[..., 2]` relative to windows with these centres `[..., 2]`."""
    return (jnp.asarray(places) - centres) / SHARE


def outside(places: ArrayLike, centres: ArrayLike) -> jax.Array:
    """Inverse of `inside`."""
    return SHARE * jnp.asarray(places) + centres


def kept_in(centres: ArrayLike) -> jax.Array:
    """The nearest centres whose windows lie in the image."""
    return jnp.clip(jnp.asarray(centres), SHARE - 1, 1 - SHARE)


def _weights(centres: jax.Array, length: int) -> jax.Array:
    """Weights of an image's pixels in a window's pixels along one axis, `[n, SIZE, length]`."""
    offsets = SHARE * ((2 * jnp.arange(SIZE) + 1) / SIZE - 1)
    # In pixels: the centre of pixel 0 is at 0.
    sampled = (centres[:, None] + offsets + 1) / 2 * length - 0.5
    distance = jnp.abs(sampled[..., None] - jnp.arange(length))
    return jnp.maximum(1 - distance, 0.0)
