"""How far points are from the object's surface."""

import dataclasses

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jax.typing import ArrayLike

from dactyl_jax.hand import rotations


@dataclasses.dataclass(frozen=True)
class Surface:
    """The object's collision geoms, in its frame, as rounded boxes; a sphere is all rounding.

    Attributes:
        position: [geom, 3] m, of their centres.
        quaternion: [geom, 4], their orientations.
        half: [geom, 3] m, half the edges of the boxes within the rounding.
        radius: [geom] m, of the rounding.
    """

    position: np.ndarray
    quaternion: np.ndarray
    half: np.ndarray
    radius: np.ndarray


def surface(model: mujoco.MjModel) -> Surface:
    """The surface of `model`'s object, whose collision geoms are boxes or spheres."""
    geoms = np.flatnonzero(
        (model.geom_bodyid == model.body("object").id) & (model.geom_contype > 0)
    )
    is_box = model.geom_type[geoms] == mujoco.mjtGeom.mjGEOM_BOX
    return Surface(
        position=model.geom_pos[geoms],
        quaternion=model.geom_quat[geoms],
        half=np.where(is_box[:, None], model.geom_size[geoms], 0.0),
        radius=np.where(is_box, 0.0, model.geom_size[geoms, 0]),
    )


def distance(surface: Surface, points: ArrayLike, scale: ArrayLike = 1.0) -> jax.Array:
    """Distance of points to the surface of the object: the least of those to its geoms.

    Args:
        surface: from `surface(model)`.
        points: `[..., 3]` m, in the object's frame.
        scale: size of the object as a multiple of the model's, `[...]`.

    Returns:
        `[...]` m, negative inside.
    """
    scale = jnp.asarray(scale, jnp.float32)
    offsets = (jnp.asarray(points) / scale[..., None])[..., None, :] - surface.position
    excess = jnp.abs(rotations.rotate(surface.quaternion * [1, -1, -1, -1], offsets)) - surface.half
    outside = jnp.linalg.norm(jnp.maximum(excess, 0.0), axis=-1)
    inside = jnp.minimum(jnp.max(excess, axis=-1), 0.0)
    return scale * jnp.min(outside + inside - surface.radius, axis=-1)
