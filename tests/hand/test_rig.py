"""The cameras: poses, view directions, and calibration files."""

import json

import mujoco
import numpy as np
import pytest

from dactyl_jax import hand


def test_cameras_stand_around_the_palm_and_look_at_it():
    model = hand.load_model("block", cameras=hand.RIG)
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    mujoco.mj_camlight(model, data)
    palm = hand.layout(model).palm_position
    directions = []
    for camera in hand.RIG:
        number = model.camera(camera.name).id
        offset = data.cam_xpos[number] - palm
        assert 0.45 < np.linalg.norm(offset) < 0.55
        assert offset[2] > 0.2  # above
        sight = -data.cam_xmat[number].reshape(3, 3)[:, 2]
        # The line of sight passes the palm by less than the size of a block.
        assert np.linalg.norm(np.cross(sight, -offset)) < 0.04
        directions.append(offset / np.linalg.norm(offset))
    fingers, thumb, little = directions
    assert fingers[0] > 0.3  # the fingers point along world x
    for one, other in ((fingers, thumb), (thumb, little), (little, fingers)):
        assert np.degrees(np.arccos(one @ other)) > 50
    thumb_tip = data.site("rh_thtip").xpos - palm
    assert thumb_tip[:2] @ thumb[:2] > 0 > thumb_tip[:2] @ little[:2]


def test_physics_and_cameras_show_no_goal():
    model = hand.load_model("block", cameras=hand.RIG)
    assert model.nmocap == 0
    assert model.nq == hand.load_model("block").nq
    with pytest.raises(ValueError, match="goal"):
        hand.load_model("block", goal=True, cameras=hand.RIG)


def test_a_calibration_is_read_as_it_was_written(tmp_path):
    file = tmp_path / "rig.json"
    hand.write_rig(file, hand.RIG)
    assert hand.read_rig(file) == hand.RIG


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[:2], "it must be"),
        (lambda rows: rows[::-1], "it must be"),
        (lambda rows: [{**rows[0], "position": [0, 1]}, *rows[1:]], "not 3 numbers"),
        (lambda rows: [{**rows[0], "quaternion": [1, 1, 0, 0]}, *rows[1:]], "unit quaternion"),
        (lambda rows: [{"name": "fingers"}, *rows[1:]], "KeyError"),
        (lambda rows: "no list", "is not a calibration"),
        (lambda rows: [{**rows[0], "position": [0, 0.3, 0.1]}, *rows[1:]], "does not see a block"),
        (lambda rows: [rows[0] | {"quaternion": [0, 1, 0, 0]}, *rows[1:]], "does not see a block"),
    ],
)
def test_a_wrong_calibration_is_named(tmp_path, change, said):
    file = tmp_path / "rig.json"
    hand.write_rig(file, hand.RIG)
    file.write_text(json.dumps(change(json.loads(file.read_text()))))
    with pytest.raises(ValueError, match=said):
        hand.read_rig(file)
    with pytest.raises(ValueError, match="there is no calibration"):
        hand.read_rig(tmp_path / "nowhere.json")
