import json

import numpy as np
import pytest

from hardware.base.errors import UserError
from hardware.base.messages import Image
from hardware.sight import cameras
from hardware.sight.camera_tracker import known_cameras
from hardware.sight.cameras import Camera, Lens, Square

LENS = Lens(
    np.array([[905.0, 0, 325.0], [0, 900.0, 232.0], [0, 0, 1]]),
    np.array([-0.21, 0.09, 1e-3, -2e-3, 0.01]),
    (640, 480),
)


def camera(field_of_view, lens=None):
    return Camera("thumb", np.zeros(3), np.array([1.0, 0, 0, 0]), field_of_view, lens)


def smooth(height, width):
    """A picture whose colours are waves, `[height, width, 3]` uint8."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 23 + y / 31), np.cos(x / 17 - y / 41), np.sin(x * y / 9000)]
    return np.rint(127.5 + 120 * np.stack(waves, axis=-1)).astype(np.uint8)


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize("encoding", cameras.ENCODINGS)
def test_encodings(encoding, padding):
    rgb = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    sent = rgb[..., ::-1] if encoding.startswith("bgr") else rgb
    if encoding.endswith("a8"):
        sent = np.concatenate([sent, np.full((4, 6, 1), 7, np.uint8)], axis=-1)
    rows = sent.reshape(4, -1)
    rows = np.concatenate([rows, np.full((4, padding), 9, np.uint8)], axis=1)
    message = Image(1.0, "thumb", encoding, 4, 6, rows.shape[1], rows.tobytes())
    np.testing.assert_array_equal(cameras.pixels(message), rgb)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"encoding": "bayer_rggb8"}, "camera thumb sends 'bayer_rggb8'; .* rgb8, bgr8, rgba8, bg"),
        ({"encoding": "mono16"}, "'mono16'"),
        ({"encoding": "rgba8"}, "72 bytes in rows of 18 for 6x4 pixels of rgba8"),
        ({"step": 17}, "in rows of 17"),
        ({"data": bytes(71)}, "71 bytes"),
        ({"height": 0, "data": b""}, "6x0 pixels"),
        ({"width": 0}, "0x4 pixels"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(change, reason):
    message = cameras.image(1.0, "thumb", np.zeros((4, 6, 3), np.uint8))
    assert cameras.pixels(message).shape == (4, 6, 3)
    with pytest.raises(ValueError, match=reason):
        cameras.pixels(message._replace(**change))


def test_a_square_picture_of_the_right_size_stays_as_it_is():
    picture = np.random.default_rng(0).integers(0, 256, (50, 50, 3), dtype=np.uint8)
    np.testing.assert_array_equal(Square(camera(30.0), 30.0, 50)(picture), picture)


def test_a_wide_picture_is_cropped_in_its_middle():
    picture = smooth(100, 160)
    square = Square(camera(30.0), 30.0, 50)(picture)
    pairs = picture[:, 30:130].reshape(50, 2, 50, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(square, pairs, atol=0.51)
    # Half of that field of view, by its tangent: the middle quarter.
    narrow = np.degrees(2 * np.arctan(0.5 * np.tan(np.radians(15.0))))
    inner = Square(camera(30.0), narrow, 50)(picture)
    np.testing.assert_array_equal(inner, picture[25:75, 55:105])


@pytest.mark.parametrize("size", [20, 40])
def test_a_pixel_of_the_square_is_the_mean_of_what_it_covers(size):
    """Of noise: five pixels of the picture by five, or two and a half by as many."""
    picture = np.random.default_rng(0).integers(0, 256, (100, 120, 3), dtype=np.uint8)
    fine = picture[:, 10:110].repeat(2, axis=0).repeat(2, axis=1)
    expected = fine.reshape(size, 200 // size, size, 200 // size, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(Square(camera(30.0), 30.0, size)(picture), expected, atol=0.501)


def test_squares_are_those_of_the_training_machine():
    """By OpenCV, which rounds places to 1/32 pixel: a colour or two where they change most."""
    pytest.importorskip("cv2")
    calibration = pytest.importorskip("dactyl_jax.vision.calibration")

    theirs = calibration.Intrinsics(
        LENS.matrix, LENS.distortion, LENS.size, 0.1, 0.1, np.zeros((9, 9)), np.zeros(0)
    )
    view = calibration.square_field_of_view(theirs)
    picture = smooth(480, 640)
    for size in (100, 200):
        expected = calibration.to_square(picture, theirs, size).astype(int)
        ours = Square(camera(view, LENS), view, size)(picture).astype(int)
        assert np.abs(ours - expected).max() <= 2
        assert np.abs(ours - expected).mean() < 0.35
        straight = Square(camera(view, LENS._replace(distortion=np.zeros(5))), view, size)(picture)
        assert np.abs(straight.astype(int) - expected).max() > 5  # the lens does bend


def test_a_picture_of_another_size_than_the_lens_is_refused():
    with pytest.raises(ValueError, match="thumb sends 320x240 pixels, it was calibrated at 640x48"):
        Square(camera(30.0, LENS), 30.0, 50)(smooth(240, 320))


@pytest.fixture
def rows(contents):
    """The bundle's cameras as a file has them, calibrated."""
    lens = {"matrix": LENS.matrix.tolist(), "distortion": [0.0] * 5, "size": [640, 480]}
    rows = [{**row, **lens} for row in contents.contract["vision"]["cameras"]]
    return json.loads(json.dumps(rows))


def test_a_calibrated_rig(contents, rows, tmp_path):
    path = tmp_path / "rig.json"
    rows[1]["position"][0] += 0.004
    path.write_text(json.dumps(rows))
    read = cameras.read_rig(str(path), known_cameras(contents))
    assert [c.name for c in read] == ["fingers", "thumb", "little"]
    assert read[2].lens.size == (640, 480) and read[2].lens.matrix[0, 2] == 325.0
    assert read[1].position[0] == rows[1]["position"][0]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows: rows.reverse(), "holds little, thumb, fingers; it must be fingers, thumb, l"),
        (lambda rows: rows.pop(), "holds fingers, thumb; it must"),
        (lambda rows: rows[0].pop("position"), "is no calibration .KeyError: 'position'"),
        (lambda rows: rows[0].update(size=[640]), "is no calibration"),
        (lambda rows: rows[0].update(distortion=[0, 0, np.nan, 0, 0]), "is no calibration"),
        (lambda rows: rows[1]["position"].__setitem__(2, 0.2), "thumb in .* is 56 mm and 0.0 deg"),
        (lambda rows: rows[2].update(quaternion=rows[1]["quaternion"]), "little in .* is 0 mm and"),
        (lambda rows: rows[0].update(field_of_view=20.0), "sees 20.0 degrees of 30.0"),
    ],
)
def test_a_wrong_rig_is_refused(spoil, message, contents, rows, tmp_path):
    spoil(rows)
    path = tmp_path / "rig.json"
    path.write_text(json.dumps(rows))
    with pytest.raises(UserError, match=f"--rig: .*{message}"):
        cameras.read_rig(str(path), known_cameras(contents))
