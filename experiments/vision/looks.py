"""Pictures of what the networks find in camera images."""

import jax
import jax.numpy as jnp
import numpy as np

from dactyl_jax.hand import rotations
from dactyl_jax.rendering import Looks
from dactyl_jax.vision import frames
from dactyl_jax.vision.drawing import CORNERS, Canvas
from dactyl_jax.vision.estimator import Estimator


def draw(
    estimator: Estimator, pictures: np.ndarray, normal: np.ndarray, looks: Looks
) -> np.ndarray:
    """Draws the windows, the points that count, and the edges of a block in the estimated pose.

    Args:
        estimator: the networks.
        pictures: images to draw on, `[n, camera, size, size, 3]` uint8.
        normal: the same as the networks receive them, normalised.
        looks: appearance of the frames; its cameras are the true ones.

    Returns:
        `[n, camera, 240, 240, 3]` uint8.
    """
    seen = jax.device_get(estimator.look_normal(normal).seen)
    poses = estimator.estimate_normal(normal)
    corners = _project(poses.position, poses.orientation, looks)
    rows = []
    for frame, views in enumerate(pictures):
        row = []
        for camera, picture in enumerate(views):
            canvas = Canvas(picture)
            centre = seen.place[frame, camera, 0]
            canvas.windows([centre, np.array(estimator.rig.windows[camera])])
            canvas.block(corners[frame, camera])
            canvas.places(seen.place[frame, camera], seen.weight[frame, camera])
            row.append(canvas.picture())
        rows.append(row)
    return np.array(rows)


def enlarged(pictures: np.ndarray) -> np.ndarray:
    """Images `[n, camera, size, size, 3]` uint8 at the size of `draw`'s."""
    return np.array([[Canvas(picture).picture() for picture in views] for views in pictures])


@jax.jit
@jax.vmap
def _project(position: jax.Array, orientation: jax.Array, looks: Looks) -> jax.Array:
    corners = position + rotations.rotate(orientation, jnp.asarray(CORNERS, jnp.float32))
    return frames.project(corners, looks)
