"""Camera calibration from images of a printed board, by OpenCV (the extra `calibration`).

The board is a ChArUco board: a chessboard with markers in its white squares, of which any visible
part suffices. OpenCV's cameras look along +z with y down, this project's along -z with y up.

A small reprojection error does not make a calibration certain: pictures of a board that is never
tilted fit any focal length. The covariance of the least-squares solution tells, and decides.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import mujoco
import numpy as np
from numpy.typing import ArrayLike

from dactyl_jax.errors import UserError
from dactyl_jax.hand import Camera

COLUMNS, ROWS = 7, 5
SQUARE = 0.030  # m, edge of a square
WIDTH = COLUMNS * SQUARE  # m, of the board where it is printed at its true size
_MARKER = 0.022  # m, edge of a marker
_FEWEST_CORNERS = 8  # visible in an image for it to count
_FEWEST_PICTURES = 5  # for the intrinsics
_SAME = 0.01  # share of an image's width by which corners must move for a picture to be another one
_CORNER_NOISE = 0.1  # pixels, standard deviation of a detected corner, at least
_LARGEST_DOUBT = 0.005  # m, standard deviation of a camera's position
_TILT = 20.0  # degrees between the board and the image plane that a good picture has
_FLIP = np.diag([1.0, -1.0, -1.0])  # from OpenCV's camera frame to this project's


@dataclasses.dataclass(frozen=True)
class Intrinsics:
    """Mapping of a camera from directions to pixels.

    Attributes:
        matrix: `[3, 3]`, pixels.
        distortion: `[5]`, lens distortion k1, k2, p1, p2, k3.
        size: width and height of an image, pixels.
        error: root mean square of the reprojection error, pixels.
        noise: standard deviation of a corner's coordinate, pixels.
        covariance: `[9, 9]`, of focal lengths and centre (x before y, pixels) and the distortion.
        tilts: `[picture]` degrees between the board and the image plane.
    """

    matrix: np.ndarray
    distortion: np.ndarray
    size: tuple[int, int]
    error: float
    noise: float
    covariance: np.ndarray
    tilts: np.ndarray

    @property
    def doubt(self) -> tuple[float, float]:
        """Standard deviations of focal length and centre, pixels."""
        deviations = np.sqrt(np.diag(self.covariance))
        return float(deviations[:2].max()), float(deviations[2:4].max())


class Located(NamedTuple):
    """A camera, and the standard deviation of its position, m."""

    camera: Camera
    doubt: float


def board_picture(pixels_per_metre: float = 300 / 0.0254) -> np.ndarray:
    """The board, to be printed at its true size, `[height, width]` uint8, without a margin."""
    size = tuple(round(n * SQUARE * pixels_per_metre) for n in (COLUMNS, ROWS))
    return _board().generateImage(size, marginSize=0)


def intrinsics(pictures: Sequence[np.ndarray], width: float = WIDTH) -> Intrinsics:
    """Computes a camera's intrinsics from images of the board at different places and angles.

    Args:
        pictures: `[height, width]` or `[height, width, 3]` uint8, of one size.
        width: m, measured width of the printed board.

    Raises:
        ValueError: their sizes differ, too few show enough of the board, or too few differ.
    """
    cv2 = _opencv()
    sizes = {picture.shape[:2] for picture in pictures}
    if len(sizes) > 1:
        raise UserError(
            f"pictures: their sizes differ ({sorted(sizes)}); they must come from one camera"
        )
    found = [rows for rows in (_corners(picture, width) for picture in pictures) if rows]
    if len(found) < _FEWEST_PICTURES:
        raise UserError(
            f"pictures: {len(found)} of {len(pictures)} show enough of the board; there must be at "
            f"least {_FEWEST_PICTURES}, sharp, with the board in different places and tilted"
        )
    height, across = sizes.pop()
    other = _different(found, _SAME * across)
    if len(other) < _FEWEST_PICTURES:
        raise UserError(
            f"pictures: {len(other)} of {len(found)} differ; move and tilt the board between "
            f"pictures until at least {_FEWEST_PICTURES} do"
        )
    error, matrix, distortion, turns, shifts = cv2.calibrateCamera(
        [corners.points for corners in other],
        [corners.pixels for corners in other],
        (across, height),
        np.eye(3),
        np.zeros(5),
    )
    distortion = distortion.ravel()[:5]
    noise = max(float(error) / math.sqrt(2), _CORNER_NOISE)
    # The poses of the board are free: the intrinsics explain only what no pose explains.
    information = np.zeros((9, 9))
    for corners, turn, shift in zip(other, turns, shifts, strict=True):
        of_pose, of_lens = _jacobians(corners, turn, shift, matrix, distortion)
        left = of_lens - of_pose @ np.linalg.lstsq(of_pose, of_lens, rcond=None)[0]
        information += left.T @ left
    scale = 1 / np.sqrt(np.diag(information))  # pixels and numbers of order 1 in one matrix
    scaled = information * np.outer(scale, scale) + 1e-12 * np.eye(9)  # never quite singular
    return Intrinsics(
        matrix,
        distortion,
        (across, height),
        float(error),
        noise,
        noise**2 * np.linalg.inv(scaled) * np.outer(scale, scale),
        np.degrees([math.acos(min(abs(cv2.Rodrigues(turn)[0][2, 2]), 1.0)) for turn in turns]),
    )


def locate(
    name: str,
    picture: np.ndarray,
    camera: Intrinsics,
    board_position: ArrayLike,
    board_quaternion: ArrayLike,
    width: float = WIDTH,
) -> Located:
    """Computes the pose of a camera from an image of the board in a known place.

    Args:
        name: name of the camera.
        picture: image of the board.
        camera: intrinsics of the camera.
        board_position: [3] m, the board's first corner in the frame of `rh_forearm`.
        board_quaternion: [4], orientation of the board in that frame: x along its columns, y along
            its rows, z into it.
        width: m, measured width of the printed board.

    Raises:
        ValueError: too little of the board is visible.
    """
    cv2 = _opencv()
    corners = _corners(picture, width)
    if corners is None:
        raise UserError(
            f"{name}: the picture shows fewer than {_FEWEST_CORNERS} corners of the board; move "
            "the board or the light"
        )
    _, turn, shift = cv2.solvePnP(*corners, camera.matrix, camera.distortion)
    seen = cv2.Rodrigues(turn)[0]  # from the board's frame to OpenCV's camera frame
    board = _matrix(board_quaternion)
    # The camera's frame, in this project's convention, relative to the board and then the forearm.
    axes = board @ seen.T @ _FLIP
    position = np.asarray(board_position) - board @ seen.T @ shift.ravel()
    found = Camera(
        name,
        tuple(position.tolist()),
        tuple(_quaternion(axes).tolist()),
        square_field_of_view(camera),
    )
    return Located(found, _doubt(corners, turn, shift, camera))


def refuse_doubt(name: str, lens: Intrinsics, located: Located) -> None:
    """Refuses a camera whose pictures leave open where it is.

    Raises:
        UserError: says how uncertain it is, and which pictures to take.
    """
    if located.doubt <= _LARGEST_DOUBT:  # False for NaN
        return
    tilted = int((lens.tilts >= _TILT).sum())
    advice = f"take pictures with the board tilted by {_TILT:g} to 45 degrees to all four sides"
    if tilted >= _FEWEST_PICTURES:
        advice = "take sharper pictures, with the board nearer and in all parts of the image"
    focal, _ = lens.doubt
    raise UserError(
        f"{name}: its position is uncertain by {1000 * located.doubt:.0f} mm and its focal length "
        f"by {focal:.0f} pixels, whatever the reprojection error; the limit is "
        f"{1000 * _LARGEST_DOUBT:g} mm. The board is tilted by {_TILT:g} degrees or more in "
        f"{tilted} of {len(lens.tilts)} different pictures: {advice}"
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


class _Corners(NamedTuple):
    """Visible corners of the board: `[n, 3]` m on the board and `[n, 2]` pixels."""

    points: np.ndarray
    pixels: np.ndarray


def _corners(picture: np.ndarray, width: float) -> _Corners | None:
    """Finds the corners of a board that is `width` m wide; None if there are too few."""
    cv2 = _opencv()
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    pixels, numbers, _, _ = cv2.aruco.CharucoDetector(_board()).detectBoard(grey)
    if numbers is None or len(numbers) < _FEWEST_CORNERS:
        return None
    points = np.asarray(_board().getChessboardCorners(), np.float32)[np.ravel(numbers)]
    points *= np.float32(width / WIDTH)
    return _Corners(points, np.asarray(pixels, np.float32).reshape(-1, 2))


def _different(found: Sequence[_Corners], least: float) -> list[_Corners]:
    """Leaves out pictures whose corners lie, on average, within `least` pixels of another's."""
    kept: list[_Corners] = []
    for corners in reversed(found):  # the last one is the reference
        places = dict(zip(map(bytes, corners.points), corners.pixels, strict=True))
        if all(_moved(places, other) > least for other in kept):
            kept.append(corners)
    return kept


def _moved(places: dict[bytes, np.ndarray], other: _Corners) -> float:
    """Mean distance, pixels, between the corners that two pictures share."""
    ways = [
        np.linalg.norm(places[point] - pixel)
        for point, pixel in zip(map(bytes, other.points), other.pixels, strict=True)
        if point in places
    ]
    return float(np.mean(ways)) if ways else math.inf


def _jacobians(
    corners: _Corners,
    turn: np.ndarray,
    shift: np.ndarray,
    matrix: np.ndarray,
    distortion: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives of pixels by the board's pose, `[2 n, 6]`, and by the lens, `[2 n, 9]`."""
    _, derivatives = _opencv().projectPoints(corners.points, turn, shift, matrix, distortion)
    return derivatives[:, :6], derivatives[:, 6:15]


def _doubt(corners: _Corners, turn: np.ndarray, shift: np.ndarray, camera: Intrinsics) -> float:
    """Standard deviation of the camera's position, m, by corners and lens to first order."""
    cv2 = _opencv()
    of_pose, of_lens = _jacobians(corners, turn, shift, camera.matrix, camera.distortion)
    of_pixels = camera.noise**2 * np.eye(len(of_lens)) + of_lens @ camera.covariance @ of_lens.T
    solve = np.linalg.pinv(of_pose)
    covariance = solve @ of_pixels @ solve.T  # of turn and shift

    def position(pose: np.ndarray) -> np.ndarray:
        return -cv2.Rodrigues(pose[:3])[0].T @ pose[3:]

    pose, step = np.concatenate([turn.ravel(), shift.ravel()]), 1e-6
    moves = [(position(pose + d) - position(pose - d)) / (2 * step) for d in step * np.eye(6)]
    return float(np.sqrt(np.trace(np.transpose(moves) @ covariance @ moves)))


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
