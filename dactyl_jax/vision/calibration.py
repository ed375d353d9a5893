"""Camera calibration from images of a printed board, by OpenCV (the extra `calibration`).

The board is a ChArUco board: a chessboard with markers in its white squares, of which any visible
part suffices. OpenCV's cameras look along +z with y down, this project's along -z with y up.
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
_FEWEST_CORNERS = 8  # visible in an image for it to count
_FEWEST_PICTURES = 5  # for the intrinsics
_FLIP = np.diag([1.0, -1.0, -1.0])  # from OpenCV's camera frame to this project's


@dataclasses.dataclass(frozen=True)
class Intrinsics:
    """Mapping of a camera from directions to pixels.

    Attributes:
        matrix: `[3, 3]`, pixels.
        distortion: `[5]`, lens distortion k1, k2, p1, p2, k3.
        size: width and height of an image, pixels.
        error: root mean square of the reprojection error, pixels.
    """

    matrix: np.ndarray
    distortion: np.ndarray
    size: tuple[int, int]
    error: float


def board_picture(pixels_per_metre: float = 300 / 0.0254) -> np.ndarray:
    """The board, to be printed at its true size, `[height, width]` uint8, without a margin."""
    size = tuple(round(n * SQUARE * pixels_per_metre) for n in (COLUMNS, ROWS))
    return _board().generateImage(size, marginSize=0)


def intrinsics(pictures: Sequence[np.ndarray]) -> Intrinsics:
    """Computes a camera's intrinsics from images of the board at different places and angles.

    Args:
        pictures: `[height, width]` or `[height, width, 3]` uint8, of one size.

    Raises:
        ValueError: their sizes differ, or too few show enough of the board.
    """
    cv2 = _opencv()
    sizes = {picture.shape[:2] for picture in pictures}
    if len(sizes) > 1:
        raise UserError(
            f"pictures: their sizes differ ({sorted(sizes)}); they must come from one camera"
        )
    found = [rows for rows in map(_corners, pictures) if rows is not None]
    if len(found) < _FEWEST_PICTURES:
        raise UserError(
            f"pictures: {len(found)} of {len(pictures)} show enough of the board; there must be at "
            f"least {_FEWEST_PICTURES}, sharp, with the board in different places and tilted"
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
    """Computes the pose of a camera from an image of the board in a known place.

    Args:
        name: name of the camera.
        picture: image of the board.
        camera: intrinsics of the camera.
        board_position: [3] m, the board's first corner in the frame of `rh_forearm`.
        board_quaternion: [4], orientation of the board in that frame: x along its columns, y along
            its rows, z into it.

    Raises:
        ValueError: too little of the board is visible.
    """
    cv2 = _opencv()
    found = _corners(picture)
    if found is None:
        raise UserError(
            f"{name}: the picture shows fewer than {_FEWEST_CORNERS} corners of the board; move "
            "the board or the light"
        )
    _, turn, shift = cv2.solvePnP(*found, camera.matrix, camera.distortion)
    seen = cv2.Rodrigues(turn)[0]  # from the board's frame to OpenCV's camera frame
    board = _matrix(board_quaternion)
    # The camera's frame, in this project's convention, relative to the board and then the forearm.
    axes = board @ seen.T @ _FLIP
    position = np.asarray(board_position) - board @ seen.T @ shift.ravel()
    return Camera(
        name,
        tuple(position.tolist()),
        tuple(_quaternion(axes).tolist()),
        square_field_of_view(camera),
    )


def square_field_of_view(camera: Intrinsics) -> float:
    """Vertical field of view, degrees, of images cropped to a square (`to_square`)."""
    return math.degrees(2 * math.atan(0.5 * _crop(camera) / camera.matrix[1, 1]))


def to_square(picture: np.ndarray, camera: Intrinsics, size: int) -> np.ndarray:
    """Undistorts a camera's image and crops it to a square about its principal point.

    Args:
        picture: `[height, width, 3]` uint8.
        camera: intrinsics of the camera.
        size: size of the result, pixels.

    Returns:
        `[size, size, 3]` uint8, the input of the pose network.

    Raises:
        ValueError: the image size differs from the camera's.
    """
    if picture.shape[:2] != camera.size[::-1]:
        raise UserError(
            f"picture: it is {picture.shape[1]}x{picture.shape[0]}, the camera was calibrated at "
            f"{camera.size[0]}x{camera.size[1]}"
        )
    cv2 = _opencv()
    fine = size * math.ceil(_crop(camera) / size)  # remap interpolates; only resize averages
    focal = fine / _crop(camera) * camera.matrix[1, 1]
    centre = (fine - 1) / 2
    square = np.array([[focal, 0, centre], [0, focal, centre], [0, 0, 1.0]])
    maps = cv2.initUndistortRectifyMap(
        camera.matrix, camera.distortion, np.eye(3), square, (fine, fine), cv2.CV_32FC1
    )
    undistorted = cv2.remap(picture, *maps, cv2.INTER_LINEAR)
    return cv2.resize(undistorted, (size, size), interpolation=cv2.INTER_AREA)


def _crop(camera: Intrinsics) -> float:
    """Edge in pixels of the largest square about the principal point that fits in the image."""
    width, height = camera.size
    across, down = camera.matrix[0, 2] + 0.5, camera.matrix[1, 2] + 0.5
    return 2 * float(min(across, width - across, down, height - down))


def _corners(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Visible corners of the board: `[n, 3]` m and `[n, 2]` pixels; None if there are too few."""
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
