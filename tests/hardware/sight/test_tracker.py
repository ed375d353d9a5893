import json
import textwrap
from pathlib import Path

import numpy as np
import pytest

from hardware.base import rotations
from hardware.base.errors import UserError
from hardware.base.messages import Fingertips, Pose
from hardware.sight.mount import AT_FOREARM, load_mount
from hardware.sight.tracker import Tracker

POSE = Pose(1.0, "policy", np.array([0.1, 0.2, 0.3]), np.array([1.0, 0.0, 0.0, 0.0]))


def test_the_last_pose_stands_while_none_comes():
    seen = Tracker("room", lambda text: None)
    assert seen.pose() is None and seen.pose_age(5.0) == float("inf")
    seen.on_pose(POSE, 1.0)
    np.testing.assert_array_equal(seen.pose().position, POSE.position)
    assert seen.pose_age(3.5) == 2.5


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"frame": "map"}, "frame 'map', expected is 'room'"),
        ({"position": np.array([0, np.nan, 0])}, "NaN"),
        ({"orientation": np.array([0.5, 0, 0, 0])}, "not of unit norm"),
        ({"stamp": 9.0}, "from the future"),
        ({"stamp": 1.0}, "not newer"),
        ({"stamp": 0.5}, "not newer"),
    ],
)
def test_poses_that_make_no_sense_are_left_out_and_it_is_said_once(change, reason):
    events = []
    seen = Tracker("room", events.append)
    seen.on_pose(POSE, 1.0)
    for _ in range(3):
        seen.on_pose(POSE._replace(**{"stamp": 1.1, **change}), 1.2)
    assert len(events) == 1 and reason in events[0]
    assert seen.pose().stamp == 1.0
    seen.on_pose(POSE._replace(stamp=1.3), 1.3)
    assert seen.pose().stamp == 1.3


def test_each_fingertip_stands_where_it_was_seen_last():
    events = []
    seen = Tracker("room", events.append)
    assert seen.fingertips_age(1.0) == float("inf") and np.isnan(seen.fingertips()).all()
    places = np.arange(15.0).reshape(5, 3)
    seen.on_fingertips(Fingertips(1.0, "policy", places), 1.0)
    np.testing.assert_array_equal(seen.fingertips(), places)
    later = places + 0.5
    later[2, 1] = np.nan  # one of RF's coordinates
    seen.on_fingertips(Fingertips(1.2, "policy", later), 1.2)
    expected = np.where(np.arange(5)[:, None] == 2, places, places + 0.5)
    np.testing.assert_array_equal(seen.fingertips(), expected)
    assert seen.fingertips_age(1.7) == pytest.approx(0.7) and events == []
    for wrong in (
        Fingertips(1.1, "policy", places),
        Fingertips(1.3, "policy", places[:4]),
        Fingertips(1.3, "rh_forearm", places),
    ):
        seen.on_fingertips(wrong, 1.3)
    np.testing.assert_array_equal(seen.fingertips(), expected)
    assert [event.split(": ")[1] for event in events] == [
        "it is not newer than the one before it",
        "it holds 4 positions, expected are 5",
        "it is given in frame 'rh_forearm', expected is 'room'",
    ]


def test_the_forearm_of_ros_has_its_wrist_where_the_policys_has(contents):
    """Shadow Robot's URDF (sr_description) puts the wrist at 0 -0.010 0.213, not turned."""
    identity = np.array([1.0, 0, 0, 0])
    wrist = AT_FOREARM.pose(Pose(1.0, "rh_forearm", np.array([0, -0.010, 0.213]), identity))
    chain = contents.chain
    assert wrist.frame == "policy" and contents.joints[chain.joint[0, 4]] == "rh_WRJ2"
    np.testing.assert_allclose(wrist.position, chain.position[0, 4], atol=2e-5)
    np.testing.assert_allclose(wrist.orientation, chain.quaternion[0, 4], atol=1e-6)


def test_a_mount_brings_what_is_seen_into_the_policys_frame(tmp_path):
    """The tracker's x is along the forearm's y, the forearm's x along the policy's y."""
    quarter = rotations.from_axis_angle(np.array([0.0, 0.0, 1.0]), np.array(np.pi / 2))
    file = tmp_path / "mount.json"
    fields = {"frame": "room", "position": [1, 0, 0], "quaternion": quarter.tolist()}
    file.write_text(json.dumps(fields))
    mount = load_mount(str(file))
    pose = mount.pose(POSE._replace(frame="room"))
    in_forearm = np.array([1 - 0.2, 0.1, 0.3])
    np.testing.assert_allclose(pose.position, in_forearm[[1, 0, 2]] * [-1, 1, 1])
    half = rotations.multiply(quarter, quarter)
    np.testing.assert_allclose(pose.orientation, half, atol=1e-12)
    assert pose.frame == "policy"
    tips = mount.fingertips(Fingertips(1.0, "room", np.stack([POSE.position, np.full(3, np.nan)])))
    np.testing.assert_allclose(tips.positions[0], pose.position)
    assert np.isnan(tips.positions[1]).all() and tips.frame == "policy"
    strange = POSE._replace(frame="map")
    assert mount.pose(strange) is strange


def test_the_manual_finds_where_a_tracker_is():
    pytest.importorskip("scipy")
    text = (Path(__file__).parents[3] / "docs" / "robot.md").read_text(encoding="utf-8")
    (code,) = [block for block in text.split("\n\n") if block.startswith("    import numpy")]
    found: dict = {}
    exec(textwrap.dedent(code), found)
    assert found["error"].max() < 0.001
    seen = rotations.rotate(found["quaternion"], found["seen"]) + found["position"]
    np.testing.assert_allclose(seen, found["hand"], atol=0.001)


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        '{"frame": "room", "position": [1, 2], "quaternion": [1, 0, 0, 0]}',
        '{"frame": "room", "position": [1, 2, 3], "quaternion": [1, 1, 0, 0]}',
        '{"frame": "room", "position": [1, 2, 3]}',
        '{"frame": 3, "position": [1, 2, 3], "quaternion": [1, 0, 0, 0]}',
    ],
)
def test_a_wrong_mount_is_refused(text, tmp_path):
    file = tmp_path / "mount.json"
    file.write_text(text)
    with pytest.raises(UserError, match=r"--tracker_mount: .*mount.json"):
        load_mount(str(file))


def test_a_mounts_quaternion_is_normalised_and_poses_have_one_sign(tmp_path):
    file = tmp_path / "mount.json"
    fields = {"frame": "room", "position": [0, 0, 0], "quaternion": [1.0005, 0, 0, 0]}
    file.write_text(json.dumps(fields))
    turned = load_mount(str(file)).pose(POSE._replace(frame="room")).orientation
    assert np.linalg.norm(turned) == pytest.approx(1.0, abs=1e-12)
    seen = Tracker("room", lambda text: None)
    seen.on_pose(POSE._replace(orientation=-POSE.orientation), 1.0)
    assert seen.pose().orientation[0] == 1.0
