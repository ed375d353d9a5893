"""Calibration on rendered boards recovers the rendering parameters."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dactyl_jax.errors import UserError
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
        located = calibration.locate(wanted.name, seen, camera, corner, quaternion)
        is_found(located.camera, wanted)
        assert 0.0003 < located.doubt < 0.002


# One board pose that all three cameras see: above the palm, facing away from it.
BOARD = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
CORNER = np.array([0.05, 0.0, 0.305]) - BOARD @ CENTRE
QUATERNION = calibration._quaternion(BOARD)


def save(folder: Path, pictures, references) -> None:
    """Writes the folders that the program reads."""
    for camera, reference in zip(RIG, references, strict=True):
        (folder / camera.name).mkdir()
        for number, seen in enumerate(pictures):
            Image.fromarray(seen).save(folder / camera.name / f"{number}.png")
        Image.fromarray(reference).save(folder / camera.name / "reference.png")


def calibrate(folder: Path, position, quaternion, *flags: str) -> int:
    """Runs the program on `folder`."""
    numbers = [",".join(map(str, values)) for values in (position, quaternion)]
    place = [f"--board_position={numbers[0]}", f"--board_quaternion={numbers[1]}"]
    return calibrate_cameras.main(
        [f"--pictures={folder}", f"--out={folder}/rig.json", *place, *flags]
    )


def test_the_program_finds_the_rig_through_lenses_that_distort(pictures, tmp_path, capsys):
    references = [distorted(board_before(camera, BOARD, CORNER)) for camera in RIG]
    save(tmp_path, [distorted(seen) for seen in pictures], references)
    assert calibrate(tmp_path, CORNER, QUATERNION) == 0
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


def noisy(seen: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.clip(seen + rng.normal(0, 3, seen.shape), 0, 255).astype(np.uint8)


def test_a_board_that_is_never_tilted_leaves_the_camera_uncertain():
    """The reprojection error is small all the same."""
    rng = np.random.default_rng(1)
    shifts = [[*rng.uniform(-0.03, 0.03, 2), 0.45] for _ in range(12)]
    flat = [noisy(held(about(0, 0, rng.uniform(-0.3, 0.3)), shift), rng) for shift in shifts]
    lens = calibration.intrinsics(flat)
    assert lens.error < 0.15
    assert lens.doubt[0] > 10  # pixels
    located = calibration.locate("thumb", flat[0], lens, CORNER, QUATERNION)
    with pytest.raises(UserError, match=r"thumb: its position is uncertain.* tilted by 20 to 45"):
        calibration.refuse_doubt("thumb", lens, located)


def test_deviations_that_are_told_are_those_of_repeated_calibrations(pictures):
    """Over noise of the pictures, for what a corner's noise of 0.1 pixels allows for."""
    rng = np.random.default_rng(2)
    found = [calibration.intrinsics([noisy(seen, rng) for seen in pictures]) for _ in range(4)]
    told = found[0].doubt[0]
    assert np.std([each.matrix[0, 0] for each in found], ddof=1) < 2 * told
    assert abs(found[0].matrix[0, 0] - MATRIX[0, 0]) < 3 * told
    assert told < 4


def test_a_picture_that_was_taken_a_dozen_times_counts_once(pictures):
    rng = np.random.default_rng(1)
    same = [noisy(pictures[0], rng) for _ in range(12)]
    with pytest.raises(UserError, match="2 of 13 differ"):
        calibration.intrinsics([*same, pictures[1]])


def test_usual_mistakes_in_the_boards_pose_are_named(pictures, tmp_path, capsys):
    save(tmp_path, pictures[:6], [board_before(camera, BOARD, CORNER) for camera in RIG])
    to_ros = about(0, 0, -np.pi / 2)
    in_ros = to_ros @ CORNER, calibration._quaternion(to_ros @ BOARD)
    for place, said in (
        ((CORNER, np.roll(QUATERNION, -1)), "in the order x,y,z,w"),
        (in_ros, "measured in ROS's rh_forearm"),
        ((in_ros[0], np.roll(in_ros[1], -1)), "see --help; and --board_quaternion"),
        ((CORNER + np.array([0, 1, 0]), QUATERNION), "does not see a block in the palm"),
    ):
        assert calibrate(tmp_path, *place) == 2
        assert said in capsys.readouterr().err
    assert not (tmp_path / "rig.json").exists()


def test_a_board_that_a_printer_scaled_is_measured(pictures, camera):
    """A board of 97% in the same pictures is nearer by that share."""
    width = 0.97 * calibration.WIDTH
    lens = calibration.intrinsics(pictures, width)
    np.testing.assert_allclose(lens.matrix, camera.matrix, rtol=1e-3, atol=1e-3)
    place = [0.0, 0, 0], [1.0, 0, 0, 0]
    true, _ = calibration.locate("thumb", pictures[0], camera, *place)
    scaled, _ = calibration.locate("thumb", pictures[0], lens, *place, width)
    np.testing.assert_allclose(scaled.position, 0.97 * np.array(true.position), atol=1e-3)


def test_pictures_are_read_as_peoples_tools_write_them(pictures, tmp_path):
    eight = pictures[0]
    sixteen = (25 + 0.8 * eight) * 257
    for name, saved in {
        "a.png": Image.fromarray(eight),
        "B.PNG": Image.fromarray(eight),
        "c.jpg": Image.fromarray(eight),
        "d.JPEG": Image.fromarray(eight),
        "e.tiff": Image.fromarray(eight),
        "f.png": Image.fromarray(sixteen.astype(np.uint16)),
        "g.png": Image.fromarray((sixteen / 16).astype(np.uint16)),  # 12 bits of it
        "h.png": Image.fromarray(eight).convert("LA"),
        "Reference.Jpg": Image.fromarray(eight),
    }.items():
        saved.save(tmp_path / name)
    turned = Image.Exif()
    turned[0x0112] = 6  # to be shown turned; the sensor's rows are as ever
    Image.fromarray(eight).save(tmp_path / "i.jpg", exif=turned)
    (tmp_path / ".DS_Store").write_bytes(b"")
    held_ones, reference = calibrate_cameras._pictures(tmp_path)
    assert len(held_ones) == 9
    corners = calibration._corners(eight, calibration.WIDTH)
    for seen in (*held_ones, reference):
        assert seen.shape == (HEIGHT, WIDTH, 3)
        found = calibration._corners(seen, calibration.WIDTH)
        np.testing.assert_allclose(found.pixels, corners.pixels, atol=0.1)
    for name in ("IMG_1.HEIC", "cut.png"):
        (tmp_path / name).write_bytes((tmp_path / "a.png").read_bytes()[:2000] * (name[0] == "c"))
        with pytest.raises(UserError, match=rf"{name}' is not a picture"):
            calibrate_cameras._pictures(tmp_path)
        (tmp_path / name).unlink()
    (tmp_path / "reference.png").touch()
    with pytest.raises(UserError, match="2 files named reference"):
        calibrate_cameras._pictures(tmp_path)


def test_outputs_have_the_endings_of_what_is_written(tmp_path, capsys):
    for flag in ("--board=board", "--board=board.bmp", "--out=rig.txt"):
        assert calibrate_cameras.main([flag, f"--pictures={tmp_path}"]) == 2
        assert "must end in" in capsys.readouterr().err
