"""Calibration on rendered boards recovers the rendering parameters."""

import json

import numpy as np
import pytest
from PIL import Image

from dactyl_jax.hand import RIG, Camera, read_rig
from dactyl_jax.vision import calibration
from experiments import calibrate_cameras

cv2 = pytest.importorskip("cv2")

WIDTH, HEIGHT = 640, 480
MATRIX = np.array([[900.0, 0, 325.0], [0, 905.0, 236.0], [0, 0, 1]])
PIXELS_PER_METRE = 4000.0


DISTORTION = np.array([-0.12, 0.05, 0.001, -0.001, 0.0])  # a wide lens, OpenCV's coefficients


def picture(turn: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Renders the board as seen by a camera without distortion, [height, width] uint8.

    Args:
        turn: [3, 3], rotation from the board's frame to OpenCV's camera frame.
        shift: [3], m, the board's first corner in the camera frame.
    """
    board = calibration.board_picture(PIXELS_PER_METRE)
    # The middle of the first pixel lies half a pixel inside the board.
    to_metres = np.array(
        [
            [1 / PIXELS_PER_METRE, 0, 0.5 / PIXELS_PER_METRE],
            [0, 1 / PIXELS_PER_METRE, 0.5 / PIXELS_PER_METRE],
            [0, 0, 1],
        ]
    )
    to_camera = MATRIX @ np.column_stack([turn[:, 0], turn[:, 1], shift])
    scale = 4  # drawn larger and averaged, as a sensor would
    larger = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2], [0, 0, 1]])
    drawn = cv2.warpPerspective(
        board, larger @ to_camera @ to_metres, (scale * WIDTH, scale * HEIGHT), borderValue=180
    )
    return cv2.resize(drawn, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def distorted(seen: np.ndarray) -> np.ndarray:
    """Distorts a picture as a lens with `DISTORTION` does."""
    pixels = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), axis=-1)
    straight = cv2.undistortPoints(
        pixels.reshape(-1, 1, 2).astype(np.float32), MATRIX, DISTORTION, P=MATRIX
    )
    places = straight.reshape(HEIGHT, WIDTH, 2).astype(np.float32)
    return cv2.remap(seen, places, None, cv2.INTER_LINEAR, borderValue=180)


def about(x: float, y: float, z: float) -> np.ndarray:
    return cv2.Rodrigues(np.array([x, y, z], float))[0]


CENTRE = np.array([calibration.COLUMNS, calibration.ROWS, 0]) * calibration.SQUARE / 2


def held(turn: np.ndarray, middle) -> np.ndarray:
    """Renders a board whose centre is at a given place before the camera."""
    return picture(turn, np.array(middle) - turn @ CENTRE)


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    """Renders the board in a dozen poses."""
    rng = np.random.default_rng(0)
    return [
        held(
            about(*rng.uniform(-0.5, 0.5, 3)),
            [rng.uniform(-0.04, 0.04), rng.uniform(-0.03, 0.03), rng.uniform(0.38, 0.55)],
        )
        for _ in range(12)
    ]


@pytest.fixture(scope="module")
def camera(pictures) -> calibration.Intrinsics:
    return calibration.intrinsics(pictures)


def test_intrinsics_are_found(camera):
    assert camera.error < 0.3
    np.testing.assert_allclose(camera.matrix, MATRIX, atol=6.0)
    assert abs(camera.distortion[0]) < 0.1


def board_before(camera: Camera, board: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """Renders a board fixed in the forearm's frame, as seen by a camera without distortion."""
    eye = calibration._matrix(camera.quaternion) @ calibration._FLIP  # OpenCV's axes
    return picture(eye.T @ board, eye.T @ (corner - np.array(camera.position)))


def is_found(found: Camera, wanted: Camera) -> None:
    assert found.name == wanted.name
    assert np.linalg.norm(np.array(found.position) - wanted.position) < 0.004
    cosine = abs(np.dot(found.quaternion, wanted.quaternion))
    assert np.degrees(2 * np.arccos(min(cosine, 1.0))) < 0.6


def test_a_camera_of_the_rig_is_found_where_it_is(camera):
    """The board lies flat before the hand; the camera has its simulated pose."""
    for wanted in RIG:
        eye = calibration._matrix(wanted.quaternion) @ calibration._FLIP
        # The board faces the camera, a little askew, 0.45 m before it.
        board = eye @ about(0.3, -0.2, 0.1)
        corner = np.array(wanted.position) + eye @ [0.0, 0.0, 0.45] - board @ CENTRE
        seen = board_before(wanted, board, corner)
        quaternion = calibration._quaternion(board)
        is_found(calibration.locate(wanted.name, seen, camera, corner, quaternion), wanted)


def test_the_program_finds_the_rig_through_lenses_that_distort(pictures, tmp_path, capsys):
    # One board pose that all three cameras see: above the palm, facing away from it.
    board = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    corner = np.array([0.05, 0.0, 0.305]) - board @ CENTRE
    for camera in RIG:
        folder = tmp_path / camera.name
        folder.mkdir()
        for number, seen in enumerate(pictures):
            Image.fromarray(distorted(seen)).save(folder / f"{number}.png")
        seen = distorted(board_before(camera, board, corner))
        Image.fromarray(seen).save(folder / "reference.png")
    flags = [f"--pictures={tmp_path}", f"--out={tmp_path}/rig.json"]
    for name, numbers in (("position", corner), ("quaternion", calibration._quaternion(board))):
        flags.append(f"--board_{name}={','.join(map(str, numbers))}")
    assert calibrate_cameras.main(flags) == 0
    assert capsys.readouterr().out.count("reprojection error") == 3
    for found, wanted in zip(read_rig(tmp_path / "rig.json"), RIG, strict=True):
        is_found(found, wanted)
    for row in json.loads((tmp_path / "rig.json").read_text()):
        np.testing.assert_allclose(row["matrix"], MATRIX, atol=8.0)
        assert row["distortion"][0] == pytest.approx(DISTORTION[0], abs=0.05)
        assert row["size"] == [WIDTH, HEIGHT]


def test_square_pictures_have_the_field_of_view_that_is_told(camera):
    view = np.radians(calibration.square_field_of_view(camera))
    square = calibration.to_square(held(about(0, 0, 0), [0, 0, 0.5]), camera, 200)
    assert square.shape == (200, 200)
    # Square edges 30 mm apart at 0.5 m: transitions in the chessboard's middle row give pixels.
    expected = 200 / (2 * np.tan(view / 2)) * calibration.SQUARE / 0.5
    corners, numbers, _, _ = cv2.aruco.CharucoDetector(calibration._board()).detectBoard(square)
    places = {int(n): p for n, p in zip(numbers.ravel(), corners.reshape(-1, 2), strict=True)}
    across = [
        places[n + 1][0] - places[n][0]
        for n in places
        if n + 1 in places and (n + 1) % (calibration.COLUMNS - 1)
    ]
    assert len(across) > 3
    np.testing.assert_allclose(np.mean(across), expected, rtol=0.02)


def test_pictures_that_will_not_do_are_named(camera):
    blank = np.full((HEIGHT, WIDTH), 180, np.uint8)
    with pytest.raises(ValueError, match="0 of 3 show enough of the board"):
        calibration.intrinsics([blank] * 3)
    with pytest.raises(ValueError, match="sizes differ"):
        calibration.intrinsics([blank, blank[:100]])
    with pytest.raises(ValueError, match="thumb: the picture shows fewer than"):
        calibration.locate("thumb", blank, camera, [0, 0, 0], [1, 0, 0, 0])
    with pytest.raises(ValueError, match="calibrated at 640x480"):
        calibration.to_square(blank[:100], camera, 200)
