import json

import numpy as np
import pytest

from hardware import rotations, tracker
from hardware.messages import Fingertips, Pose
from hardware.program import UserError
from hardware.tracker import AT_FOREARM, Mount, Tracker

POSE = Pose(1.0, "rh_forearm", np.array([0.1, 0.2, 0.3]), np.array([1.0, 0.0, 0.0, 0.0]))


def test_the_last_pose_stands_while_none_comes():
    seen = Tracker(AT_FOREARM, lambda text: None)
    assert seen.pose() is None and seen.pose_age(5.0) == float("inf")
    seen.on_pose(POSE, 1.0)
    np.testing.assert_array_equal(seen.pose().position, POSE.position)
    assert seen.pose_age(3.5) == 2.5


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"frame": "map"}, "frame 'map', expected is 'rh_forearm'"),
        ({"position": np.array([0, np.nan, 0])}, "NaN"),
        ({"orientation": np.array([0.5, 0, 0, 0])}, "not of unit norm"),
        ({"stamp": 9.0}, "from the future"),
        ({"stamp": 1.0}, "not newer"),
        ({"stamp": 0.5}, "not newer"),
    ],
)
def test_poses_that_make_no_sense_are_left_out_and_it_is_said_once(change, reason):
    events = []
    seen = Tracker(AT_FOREARM, events.append)
    seen.on_pose(POSE, 1.0)
    for _ in range(3):
        seen.on_pose(POSE._replace(**{"stamp": 1.1, **change}), 1.2)
    assert len(events) == 1 and reason in events[0]
    assert seen.pose().stamp == 1.0
    seen.on_pose(POSE._replace(stamp=1.3), 1.3)
    assert seen.pose().stamp == 1.3


def test_each_fingertip_stands_where_it_was_seen_last():
    events = []
    shift = np.array([1.0, 0.0, 0.0])
    seen = Tracker(Mount("room", shift, np.array([1.0, 0, 0, 0])), events.append)
    assert seen.fingertips_age(1.0) == float("inf") and np.isnan(seen.fingertips()).all()
    places = np.arange(15.0).reshape(5, 3)
    seen.on_fingertips(Fingertips(1.0, "room", places), 1.0)
    np.testing.assert_array_equal(seen.fingertips(), places + shift)
    later = places + 0.5
    later[2, 1] = np.nan  # one of RF's coordinates
    seen.on_fingertips(Fingertips(1.2, "room", later), 1.2)
    expected = np.where(np.arange(5)[:, None] == 2, places, places + 0.5) + shift
    np.testing.assert_array_equal(seen.fingertips(), expected)
    assert seen.fingertips_age(1.7) == pytest.approx(0.7) and events == []
    for wrong in (
        Fingertips(1.1, "room", places),
        Fingertips(1.3, "room", places[:4]),
        Fingertips(1.3, "rh_forearm", places),
    ):
        seen.on_fingertips(wrong, 1.3)
    np.testing.assert_array_equal(seen.fingertips(), expected)
    assert [event.split(": ")[1] for event in events] == [
        "it is not newer than the one before it",
        "it holds 4 positions, expected are 5",
        "it is given in frame 'rh_forearm', expected is 'room'",
    ]


def test_a_mount_brings_poses_into_the_forearms_frame(tmp_path):
    quarter = rotations.from_axis_angle(np.array([0.0, 0.0, 1.0]), np.array(np.pi / 2))
    file = tmp_path / "mount.json"
    fields = {"frame": "room", "position": [1, 0, 0], "quaternion": quarter.tolist()}
    file.write_text(json.dumps(fields))
    seen = Tracker(tracker.load_mount(str(file)), lambda text: None)
    seen.on_pose(POSE._replace(frame="room"), 1.0)
    pose = seen.pose()
    np.testing.assert_allclose(pose.position, [1 - 0.2, 0.1, 0.3])
    np.testing.assert_allclose(pose.orientation, quarter)
    assert pose.frame == "rh_forearm"


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
        tracker.load_mount(str(file))


def test_a_mount_is_normalised():
    mount = Mount("room", np.zeros(3), np.array([1.0, 0, 0, 0]))
    assert mount.to_forearm(POSE._replace(orientation=-POSE.orientation)).orientation[0] == 1.0
