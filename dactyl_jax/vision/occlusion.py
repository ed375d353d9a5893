"""Occlusion of the object by the hand in the camera images."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from dactyl_jax.rendering import Looks, Views
from dactyl_jax.vision.terms import Materials


def occlusion(views: Views, qpos: np.ndarray, looks: Looks, materials: Materials) -> np.ndarray:
    """Occluded fraction of the object's pixels over all cameras.

    Only the object is rendered emissive, once occluded by the hand and once without the hand.

    Args:
        views: the ray tracer.
        qpos: `[n, nq]` states.
        looks: appearance of the frames, for their cameras.
        materials: materials of object and hand.

    Returns:
        `[n]`, 0 to 1; 1 where the object is in no image.
    """
    rgba = jnp.zeros_like(looks.rgba).at[..., 3].set(1.0).at[:, materials.object].set(1.0)
    shining = dataclasses.replace(
        looks,
        rgba=rgba,
        table=jnp.zeros_like(looks.table),
        light_colour=jnp.zeros_like(looks.light_colour),
        light_ambient=jnp.ones_like(looks.light_ambient),
    )
    alone = dataclasses.replace(shining, rgba=rgba.at[:, materials.hand, 3].set(0.0))
    seen, whole = (
        (views.render(qpos, each) > 0).any(axis=-1).sum(axis=(1, 2, 3)) for each in (shining, alone)
    )
    return 1 - seen / np.maximum(whole, 1)
