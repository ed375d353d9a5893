"""Distance from points to the object's surface."""

import dataclasses

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jax.typing import ArrayLike

from dactyl_jax.hand import rotations


@dataclasses.dataclass(frozen=True)
class Surface:
    """The object's collision geoms, in its frame, as rounded boxes. A sphere is a rounded point, a
    capsule a rounded line.

    Attributes:
        position: [geom, 3] m, centres of the boxes.
        quaternion: [geom, 4], orientations of the boxes.
        half: [geom, 3] m, half edge lengths of the boxes inside the rounding.
        radius: [geom] m, radius of the rounding.
    """

    position: np.ndarray
    quaternion: np.ndarray
    half: np.ndarray
    radius: np.ndarray


_BOX = mujoco.mjtGeom.mjGEOM_BOX
# Half edge lengths of the box inside the rounding, by the geom's type and size.
_HALF = {
    _BOX: lambda size: size,
    mujoco.mjtGeom.mjGEOM_SPHERE: lambda size: np.zeros(3),
    mujoco.mjtGeom.mjGEOM_CAPSULE: lambda size: np.array([0.0, 0.0, size[1]]),
}


def _name(kind: mujoco.mjtGeom) -> str:
    return kind.name.removeprefix("mjGEOM_").lower()


def surface(model: mujoco.MjModel) -> Surface:
    """The surface of `model`'s object.

    Raises:
        ValueError: a collision geom is neither a box nor a sphere nor a capsule.
    """
    geoms = np.flatnonzero(
        (model.geom_bodyid == model.body("object").id) & (model.geom_contype > 0)
    )
    kinds = [mujoco.mjtGeom(kind) for kind in model.geom_type[geoms]]
    for geom, kind in zip(geoms, kinds, strict=True):
        if kind not in _HALF:
            known = ", ".join(_name(kind) for kind in _HALF)
            raise ValueError(
                f"geom {geom} of the object is of type {_name(kind)}; distances to points are only "
                f"defined for {known}"
            )
    size = model.geom_size[geoms]
    return Surface(
        position=model.geom_pos[geoms],
        quaternion=model.geom_quat[geoms],
        half=np.array([_HALF[kind](row) for kind, row in zip(kinds, size, strict=True)]),
        radius=np.array(
            [0.0 if kind == _BOX else row[0] for kind, row in zip(kinds, size, strict=True)]
        ),
    )


def distance(surface: Surface, points: ArrayLike, scale: ArrayLike = 1.0) -> jax.Array:
    """Distance from points to the surface of the object, the minimum over its geoms.

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
