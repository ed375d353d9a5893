"""From pictures of a printed board to calibrated cameras, by OpenCV (the extra `calibration`).

The board is a ChArUco board: squares of a chessboard with markers in the white ones, of which any
part that is seen will do. OpenCV's cameras look along +z with y downwards, ours along -z with y
upwards.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np
from numpy.typing import ArrayLike

from dactyl_jax.errors import UserError
from dactyl_jax.hand import Camera

COLUMNS, ROWS = 7, 5
SQUARE = 0.030  # m, edge of a square
_MARKER = 0.022  # m, edge of a marker
_FEWEST_CORNERS = 8  # seen in a picture for it to count
_FEWEST_PICTURES = 5  # for the intrinsics
_FLIP = np.diag([1.0, -1.0, -1.0])  # from OpenCV's camera frame to ours


@dataclasses.dataclass(frozen=True)
class Intrinsics:
    """How a camera maps directions to pixels.

    Attributes:
        matrix: `[3, 3]`, pixels.
        distortion: `[5]`, of the lens, k1, k2, p1, p2, k3.
        size: width and height of a picture, pixels.
        error: root mean square of what is left over, pixels.
    """

    matrix: np.ndarray
    distortion: np.ndarray
    size: tuple[int, int]
    error: float


def board_picture(pixels_per_metre: float = 300 / 0.0254) -> np.ndarray:
    """The board to print at its true size, `[height, width]` uint8, without a margin."""
    size = tuple(round(n * SQUARE * pixels_per_metre) for n in (COLUMNS, ROWS))
    return _board().generateImage(size, marginSize=0)


def intrinsics(pictures: Sequence[np.ndarray]) -> Intrinsics:
    """Of a camera that saw the board in different places and at different angles.

    Args:
        pictures: `[height, width]` or `[height, width, 3]` uint8, of one size.

    Raises:
        ValueError: they differ in size, or too few show enough of the board.
    """
    cv2 = _opencv()
    sizes = {picture.shape[:2] for picture in pictures}
    if len(sizes) > 1:
        raise UserError(
            f"pictures: their sizes differ ({sorted(sizes)}); they must be one camera's"
        )
    found = [rows for rows in map(_corners, pictures) if rows is not None]
    if len(found) < _FEWEST_PICTURES:
        raise UserError(
            f"pictures: {len(found)} of {len(pictures)} show enough of the board; there must be "
            f"{_FEWEST_PICTURES} or more, sharp, with the board in different places and tilted"
        )
    height, width = sizes.pop()
    error, matrix, distortion, *_ = cv2.calibrateCamera(
        [points for points, _ in found],
        [pixels for _, pixels in found],
        (width, height),
        np.eye(3),
        np.zeros(5),
    )
    return Intrinsics(matrix, distortion.ravel()[:5], (width, height), float(error))


def locate(
    name: str,
    picture: np.ndarray,
    camera: Intrinsics,
    board_position: ArrayLike,
    board_quaternion: ArrayLike,
) -> Camera:
    """Where a camera is that sees the board in a known place.

    Args:
        name: of the camera.
        picture: of the board there.
        camera: its intrinsics.
        board_position: [3] m, of the board's first corner in the frame of `rh_forearm`.
        board_quaternion: [4], of its axes there: x along its columns, y along its rows, z into it.

    Raises:
        ValueError: too little of the board is seen.
    """
    cv2 = _opencv()
    found = _corners(picture)
    if found is None:
        raise UserError(
            f"{name}: the picture shows less than {_FEWEST_CORNERS} corners of the board; move the "
            "board or the light"
        )
    _, turn, shift = cv2.solvePnP(*found, camera.matrix, camera.distortion)
    seen = cv2.Rodrigues(turn)[0]  # from the board's frame to OpenCV's camera frame
    board = _matrix(board_quaternion)
    # The camera's frame, in ours, seen from the board and then from the forearm.
    axes = board @ seen.T @ _FLIP
    position = np.asarray(board_position) - board @ seen.T @ shift.ravel()
    return Camera(
        name,
        tuple(position.tolist()),
        tuple(_quaternion(axes).tolist()),
        square_field_of_view(camera),
    )


def square_field_of_view(camera: Intrinsics) -> float:
    """Vertical field of view, degrees, of pictures made square (`to_square`)."""
    return math.degrees(2 * math.atan(0.5 * _crop(camera) / camera.matrix[1, 1]))


def to_square(picture: np.ndarray, camera: Intrinsics, size: int) -> np.ndarray:
    """A camera's picture without the lens's distortion, cropped about its principal point.

    Args:
        picture: `[height, width, 3]` uint8.
        camera: its intrinsics.
        size: of the result, pixels.

    Returns:
        `[size, size, 3]` uint8, as the pose network takes it.

    Raises:
        ValueError: the picture is of another size than the camera's.
    """
    if picture.shape[:2] != camera.size[::-1]:
        raise UserError(
            f"picture: it is {picture.shape[1]}x{picture.shape[0]}, the camera was calibrated at "
            f"{camera.size[0]}x{camera.size[1]}"
        )
    cv2 = _opencv()
    fine = size * math.ceil(_crop(camera) / size)  # remap interpolates; only resize takes means
    focal = fine / _crop(camera) * camera.matrix[1, 1]
    centre = (fine - 1) / 2
    square = np.array([[focal, 0, centre], [0, focal, centre], [0, 0, 1.0]])
    maps = cv2.initUndistortRectifyMap(
        camera.matrix, camera.distortion, np.eye(3), square, (fine, fine), cv2.CV_32FC1
    )
    undistorted = cv2.remap(picture, *maps, cv2.INTER_LINEAR)
    return cv2.resize(undistorted, (size, size), interpolation=cv2.INTER_AREA)


def _crop(camera: Intrinsics) -> float:
    """Edge in pixels of the largest square about the principal point that the picture holds."""
    width, height = camera.size
    across, down = camera.matrix[0, 2] + 0.5, camera.matrix[1, 2] + 0.5
    return 2 * float(min(across, width - across, down, height - down))


def _corners(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Corners of the board that a picture shows: `[n, 3]` m and `[n, 2]` pixels; None if few."""
    cv2 = _opencv()
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    pixels, numbers, _, _ = cv2.aruco.CharucoDetector(_board()).detectBoard(grey)
    if numbers is None or len(numbers) < _FEWEST_CORNERS:
        return None
    points = np.asarray(_board().getChessboardCorners(), np.float32)[np.ravel(numbers)]
    return points, np.asarray(pixels, np.float32).reshape(-1, 2)


def _board() -> Any:
    aruco = _opencv().aruco
    markers = aruco.getPredefinedDictionary(aruco.DICT_4X4_50)
    return aruco.CharucoBoard((COLUMNS, ROWS), SQUARE, _MARKER, markers)


def _matrix(quaternion: ArrayLike) -> np.ndarray:
    matrix = np.zeros(9)
    mujoco.mju_quat2Mat(matrix, np.asarray(quaternion, float))
    return matrix.reshape(3, 3)


def _quaternion(matrix: np.ndarray) -> np.ndarray:
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, np.ascontiguousarray(matrix).ravel())
    return quaternion


def _opencv() -> Any:
    try:
        import cv2
    except ImportError:
        raise UserError(
            "calibration needs OpenCV, which is not installed: pip install "
            "'dactyl_jax[calibration]'"
        ) from None
    return cv2
