"""From what cameras send to the square pictures that the pose network knows.

A picture is taken as OpenCV describes lenses (its camera frame looks along +z with y downwards):
undistorted, and cropped about the principal point to a square of the network's field of view. Each
pixel of the square is the mean of what it covers, so that nothing fine in a picture flickers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from hardware.base import rotations
from hardware.base.errors import UserError
from hardware.base.messages import Image

_ORDERS = {"rgb8": (3, [0, 1, 2]), "bgr8": (3, [2, 1, 0])}
_ORDERS.update({"rgba8": (4, [0, 1, 2]), "bgra8": (4, [2, 1, 0])})
ENCODINGS = tuple(_ORDERS)
# How far cameras may stand from where the network knows them; training shifts and turns them, too.
_SHIFT = 0.01  # m
_TURN = math.radians(3.0)
_NARROWER = 1.0  # degrees


class Lens(NamedTuple):
    """How a camera maps directions to pixels.

    Attributes:
        matrix: `[3, 3]`, pixels.
        distortion: `[5]`, k1, k2, p1, p2, k3.
        size: width and height of a picture, pixels.
    """

    matrix: np.ndarray
    distortion: np.ndarray
    size: tuple[int, int]


class Camera(NamedTuple):
    """A camera fixed to the hand.

    Attributes:
        name: in the rig.
        position: `[3]` m in `rh_forearm`.
        quaternion: `[4]`, its orientation there; it looks along its -z, with y upwards.
        field_of_view: of the largest square that its picture holds, degrees.
        lens: None of one that has no distortion and its principal point in the middle.
    """

    name: str
    position: np.ndarray
    quaternion: np.ndarray
    field_of_view: float
    lens: Lens | None


def rig(rows: Sequence[dict[str, Any]]) -> list[Camera]:
    """Cameras of a bundle or of a file.

    Raises:
        ValueError, KeyError, TypeError: something is missing or of another kind.
    """
    return [
        Camera(
            str(row["name"]),
            _array(row["position"], (3,)),
            _array(row["quaternion"], (4,)),
            float(row["field_of_view"]),
            _lens(row) if "matrix" in row else None,
        )
        for row in rows
    ]


def read_rig(path: str, known: Sequence[Camera]) -> list[Camera]:
    """Reads a file of `experiments.calibrate_cameras`.

    Args:
        path: of the file.
        known: cameras of the bundle, among which the network learned.

    Raises:
        UserError: it is no such file, or its cameras stand where the network does not know them.
    """
    try:
        with open(path, encoding="utf-8") as file:
            cameras = rig(json.load(file))
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"--rig: {path!r} is no calibration ({type(error).__name__}: {error}); make it with "
            "experiments.calibrate_cameras"
        ) from None
    names = [camera.name for camera in known]
    if [camera.name for camera in cameras] != names:
        raise UserError(
            f"--rig: {path!r} holds {', '.join(camera.name for camera in cameras)}; it must be "
            f"{', '.join(names)}, in this order"
        )
    for camera, there in zip(cameras, known):
        shift = float(np.linalg.norm(camera.position - there.position))
        turned = rotations.multiply(camera.quaternion, rotations.conjugate(there.quaternion))
        turn, view = float(rotations.angle(turned)), camera.field_of_view
        if not (shift <= _SHIFT and turn <= _TURN and view >= there.field_of_view - _NARROWER):
            raise UserError(
                f"--rig: {camera.name} in {path!r} is {1000 * shift:.0f} mm and "
                f"{math.degrees(turn):.1f} degrees from where the network knows it and sees "
                f"{view:.1f} degrees of {there.field_of_view:.1f}; move it, or train with "
                f"--config.cameras={path}"
            )
    return cameras


def pixels(image: Image) -> np.ndarray:
    """The colours of a message, `[height, width, 3]` uint8: red, green, blue.

    Raises:
        ValueError: in words, an encoding that is not of `ENCODINGS`, or lengths that do not fit.
    """
    if image.encoding not in _ORDERS:
        raise ValueError(
            f"camera {image.camera} sends {image.encoding!r}; have its driver send one of "
            f"{', '.join(ENCODINGS)}"
        )
    channels, order = _ORDERS[image.encoding]
    values = np.frombuffer(image.data, np.uint8)
    used = image.width * channels
    if not (0 < used <= image.step and values.size == image.height * image.step > 0):
        raise ValueError(
            f"camera {image.camera} sends {values.size} bytes in rows of {image.step} for "
            f"{image.width}x{image.height} pixels of {image.encoding}"
        )
    rows = values.reshape(image.height, image.step)[:, :used]
    return rows.reshape(image.height, image.width, channels)[..., order]


def image(stamp: float, camera: str, picture: np.ndarray) -> Image:
    """The message of a picture `[height, width, 3]` uint8."""
    height, width, _ = picture.shape
    return Image(stamp, camera, "rgb8", height, width, 3 * width, picture.tobytes())


class Square:
    """Makes a camera's pictures square.

    Args:
        camera: whose pictures.
        field_of_view: of the square, degrees.
        size: of the square, pixels.
    """

    def __init__(self, camera: Camera, field_of_view: float, size: int):
        self._camera, self._size = camera, size
        self._focal = 0.5 * size / math.tan(math.radians(field_of_view) / 2)
        self._known: tuple[int, int] | None = None  # width and height that the map is for

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """The square of a picture `[height, width, 3]`, `[size, size, 3]`, both uint8.

        Raises:
            ValueError: in words, the picture is of another size than the camera's.
        """
        height, width = picture.shape[:2]
        lens = self._camera.lens
        if lens is not None and lens.size != (width, height):
            raise ValueError(
                f"camera {self._camera.name} sends {width}x{height} pixels, it was calibrated at "
                f"{lens.size[0]}x{lens.size[1]}"
            )
        if self._known != (width, height):
            self._known = width, height
            self._map(lens or _pinhole(self._camera.field_of_view, width, height))
        flat = picture.reshape(-1, 3).astype(np.float32)
        mean = np.zeros((self._size**2, 3), np.float32)
        for index, share in self._covered:
            mean += share * flat.take(index, axis=0)
        return np.rint(mean).astype(np.uint8).reshape(self._size, self._size, 3)

    def _map(self, lens: Lens) -> None:
        """Which pixels of the picture each of the square covers, and which share of it each is."""
        middle = (self._size - 1) / 2
        x, y = np.meshgrid(*2 * [(np.arange(self._size) - middle) / self._focal])
        k1, k2, p1, p2, k3 = lens.distortion
        r2 = x**2 + y**2
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        bent_x = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x**2)
        bent_y = y * radial + p1 * (r2 + 2 * y**2) + 2 * p2 * x * y
        across = (lens.matrix[0, 0] * bent_x + lens.matrix[0, 2]).ravel()
        down = (lens.matrix[1, 1] * bent_y + lens.matrix[1, 2]).ravel()
        width, height = lens.size
        columns = _covered(across, lens.matrix[0, 0] / self._focal, width)
        rows = _covered(down, lens.matrix[1, 1] / self._focal, height)
        self._covered = [
            (row * width + column, np.repeat(high * wide, 3).reshape(-1, 3))
            for row, high in zip(*rows)
            for column, wide in zip(*columns)
        ]


def _covered(centres: np.ndarray, length: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The pixels of a line that intervals cover.

    Args:
        centres: of the intervals, `[n]` pixels; pixel 0 reaches from -0.5 to 0.5.
        length: of all of them, pixels; one at least, which then interpolates.
        count: of pixels. There is nothing, black, beyond them.

    Returns:
        Numbers of pixels and the share of an interval in each, both `[most of them, n]`.
    """
    length = max(length, 1.0)
    begin, end = centres - length / 2, centres + length / 2
    pixels = np.floor(begin + 0.5).astype(int) + np.arange(math.ceil(length) + 1)[:, None]
    shares = np.minimum(end, pixels + 0.5) - np.maximum(begin, pixels - 0.5)
    inside = (shares > 0) & (pixels >= 0) & (pixels < count)
    return np.clip(pixels, 0, count - 1), np.where(inside, shares / length, 0).astype(np.float32)


def _pinhole(field_of_view: float, width: int, height: int) -> Lens:
    """The lens of a camera without distortion that sees so much from top to bottom, degrees."""
    focal = 0.5 * height / math.tan(math.radians(field_of_view) / 2)
    centre = (width - 1) / 2, (height - 1) / 2
    matrix = np.array([[focal, 0, centre[0]], [0, focal, centre[1]], [0, 0, 1]])
    return Lens(matrix, np.zeros(5), (width, height))


def _lens(row: dict[str, Any]) -> Lens:
    width, height = row["size"]
    distortion = _array(row["distortion"], (5,))
    return Lens(_array(row["matrix"], (3, 3)), distortion, (int(width), int(height)))


def _array(values: Any, shape: tuple[int, ...]) -> np.ndarray:
    array = np.array(values, float)
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(f"{values!r} is not {' x '.join(map(str, shape))} numbers")
    return array
