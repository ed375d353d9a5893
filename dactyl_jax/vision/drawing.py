"""Draws on camera images what the networks find: a block's edges, windows, and points in them."""

from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageDraw

from dactyl_jax.hand import rotations
from dactyl_jax.rendering import Looks
from dactyl_jax.vision import points, windows
from dactyl_jax.vision.estimator import Estimator
from dactyl_jax.vision.frames import project

CORNERS = points.OBJECT[points.FACES.stop :]  # a block's, `[8, 3]` m in its frame
_EDGES = [(i, i | bit) for i in range(8) for bit in (1, 2, 4) if not i & bit]
_POSE, _WINDOW, _POINT = (255, 40, 220), (255, 255, 255), (60, 255, 60)
_LEAST_WEIGHT = 0.5  # of a point that is drawn


class Canvas:
    """An enlarged image to draw on; positions are right and down, -1 to 1 from edge to edge.

    Args:
        picture: `[size, size, 3]` uint8.
        size: of the result, pixels.
    """

    def __init__(self, picture: np.ndarray, size: int = 240) -> None:
        image = Image.fromarray(picture).resize((size, size), Image.Resampling.BICUBIC)
        self._image, self._size = image, size
        self._pen = ImageDraw.Draw(image)

    def block(self, corners: np.ndarray) -> None:
        """Draws the edges of a block with these corners, `[8, 2]`, in the order of `CORNERS`."""
        pixels = self._pixels(corners)
        for edge in _EDGES:
            self._pen.line([pixels[corner] for corner in edge], fill=_POSE, width=2)

    def windows(self, centres: Iterable[np.ndarray]) -> None:
        """Draws the frames of windows."""
        for centre in centres:
            ends = np.stack([centre - windows.SHARE, centre + windows.SHARE])
            self._pen.rectangle(self._pixels(ends), outline=_WINDOW)

    def places(self, places: np.ndarray, weights: np.ndarray) -> None:
        """Draws the points `[n, 2]` that count."""
        radius = self._size / 100
        for x, y in self._pixels(places[weights > _LEAST_WEIGHT]):
            self._pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=_POINT)

    def picture(self) -> np.ndarray:
        """The result, `[size, size, 3]` uint8."""
        return np.asarray(self._image)

    def _pixels(self, places: np.ndarray) -> list[tuple[float, float]]:
        return [(x, y) for x, y in (np.asarray(places) + 1) / 2 * self._size]


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
    return project(corners, looks)
