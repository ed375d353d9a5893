"""Preprocessing of camera images for the network, and augmentation in training."""

import functools
import operator

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from ml_collections import ConfigDict

from dactyl_jax.vision.appearance import TABLE_9
from dactyl_jax.vision.terms import Materials, Term, uniform

_TAPS = 2  # pixels on either side covered by a blur


def normalize(pictures: ArrayLike) -> jax.Array:
    """Normalises each image to mean 0 and variance 1 over its pixels and colours.

    Args:
        pictures: `[..., height, width, 3]` uint8.

    Returns:
        The same shape, float32.
    """
    values = jnp.asarray(pictures, jnp.float32)
    mean = jnp.mean(values, axis=(-3, -2, -1), keepdims=True)
    spread = jnp.std(values, axis=(-3, -2, -1), keepdims=True)
    return (values - mean) / jnp.maximum(spread, 1.0)


def contrast(
    key: jax.Array, law: ConfigDict, pictures: jax.Array, materials: Materials
) -> jax.Array:
    """Scales each image, whose mean is 0, by a random factor."""
    return pictures * uniform(key, law.low, law.high, (pictures.shape[0], 1, 1, 1))


def blur(key: jax.Array, law: ConfigDict, pictures: jax.Array, materials: Materials) -> jax.Array:
    """Applies Gaussian blur of random width to each image; widths are relative to the image's."""
    deviation = uniform(key, 0.0, law.largest * pictures.shape[2], (pictures.shape[0],))
    taps = jnp.arange(-_TAPS, _TAPS + 1)
    weights = jnp.exp(-0.5 * (taps / jnp.maximum(deviation, 1e-3)[:, None]) ** 2)
    weights = (weights / jnp.sum(weights, axis=1, keepdims=True))[:, :, None, None, None]
    for axis in (1, 2):
        padding = [(0, 0)] * 4
        padding[axis] = (_TAPS, _TAPS)
        padded, size = jnp.pad(pictures, padding, mode="edge"), pictures.shape[axis]
        shifted = [
            weights[:, i] * jax.lax.slice_in_dim(padded, i, i + size, axis=axis)
            for i in range(2 * _TAPS + 1)
        ]
        pictures = functools.reduce(operator.add, shifted)
    return pictures


def patches(
    key: jax.Array, law: ConfigDict, pictures: jax.Array, materials: Materials
) -> jax.Array:
    """Covers each image with rectangles of random colour, like cables and arms in the way."""
    count, height, width, _ = pictures.shape
    row, column = jnp.arange(height)[:, None] / height, jnp.arange(width) / width
    for share in uniform(key, 0.0, 1.0, (law.most, 8, count, 1, 1)):
        there, centre = share[0] < law.probability, share[1:3]
        half = 0.02 + (law.largest / 2 - 0.02) * share[3:5]
        inside = there & (jnp.abs(row - centre[0]) < half[0])
        inside &= jnp.abs(column - centre[1]) < half[1]
        colour = jnp.moveaxis(4 * share[5:] - 2, 0, -1)
        pictures = jnp.where(inside[..., None], colour, pictures)
    return pictures


def pixel_noise(
    key: jax.Array, law: ConfigDict, pictures: jax.Array, materials: Materials
) -> jax.Array:
    """Adds independent Gaussian noise to each pixel and colour."""
    return pictures + law.deviation * jax.random.normal(key, pictures.shape)


# In the published order: normalisation, then contrast, then noise.
TERMS = (
    Term("contrast", TABLE_9, {"low": 0.5, "high": 1.5}, contrast),
    Term("blur", "ours", {"largest": 0.005}, blur),
    Term("patches", "ours", {"most": 2, "probability": 0.25, "largest": 0.3}, patches),
    Term("pixel_noise", TABLE_9, {"deviation": 0.1}, pixel_noise),
)
