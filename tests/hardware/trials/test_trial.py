import numpy as np
import pytest

from hardware.base import rotations
from hardware.trials import goals
from hardware.trials.goals import RandomGoals
from hardware.trials.palm import Palm
from hardware.trials.trial import Trial
from tests.hardware.fake_hand import FakeHand

X = np.array([1.0, 0.0, 0.0])


def _turn(angle):
    return rotations.from_axis_angle(X, np.array(angle))


@pytest.fixture
def home(contents):
    """A position in the palm, `[3]` m in rh_forearm."""
    return FakeHand(contents).home


def _trial(contents, events=None, timeout_s=0.8):
    """A trial in which each goal is one radian further about the x axis."""
    events = [] if events is None else events
    return Trial(contents, _Turning(), 0, timeout_s, events.append)


class _Turning:
    def draw(self, trial, number, orientation):
        return _turn(1.0 * (number + 1))


def test_goals_are_counted_when_the_object_comes_near_enough(contents, home):
    events = []
    trial = _trial(contents, events)
    for angle in (0.0, 0.5, 0.59):
        assert trial.see(home, _turn(angle)) == "" and trial.goals == 0
    assert trial.distance == pytest.approx(0.41)
    assert trial.see(home, _turn(0.61)) == "" and trial.goals == 1
    np.testing.assert_allclose(trial.goal, _turn(2.0))
    assert trial.distance == pytest.approx(1.39)
    assert events == ["goal 1 reached in 0.2 s, 0.39 rad off"]
    assert trial.result("stop") == ("stop", "", 1, 3, 3)


def test_a_goal_may_have_to_be_seen_more_than_once(contents, home):
    trial = Trial(contents, _Turning(), 0, 8.0, lambda event: None, looks=3)
    angles = (0.0, 0.9, 0.9, 0.1, 0.9, 0.9, 0.9)  # near the goal twice, then three times
    counts = [trial.see(home, _turn(angle)) or trial.goals for angle in angles]
    assert counts == [0, 0, 0, 0, 0, 0, 1]


def test_a_drop_ends_the_trial(contents, home):
    trial = _trial(contents)
    assert trial.see(home, _turn(0.0)) == ""
    assert trial.see(home + np.array([0.0, 0.0, 0.3]), _turn(0.0)) == "drop"


def test_the_palms_box_stands_upright_however_the_forearm_lies(contents):
    frames, palm = contents.contract["frames"], Palm(contents)
    forearm = frames["forearm_in_world"]

    def in_forearm(offset):
        world = np.array(frames["palm_in_world"]) + offset - forearm["position"]
        return rotations.rotate(rotations.conjugate(forearm["quaternion"]), world)

    for axis, (low, high) in enumerate(contents.contract["task"]["drop_box"]):
        for edge, inwards in ((low, 1e-3), (high, -1e-3)):
            offset = np.zeros(3)
            offset[axis] = edge + inwards
            assert palm.holds(in_forearm(offset))
            offset[axis] = edge - inwards
            assert not palm.holds(in_forearm(offset))


@pytest.mark.parametrize(("swing", "end"), [(0.3, "time-out"), (0.1, "stuck")])
def test_a_goal_that_takes_too_long(contents, home, swing, end):
    trial = _trial(contents, timeout_s=1.6)
    ends = [trial.see(home, _turn(-swing * (step % 2))) for step in range(21)]
    assert ends == [""] * 20 + [end]
    assert trial.result(end).steps == 20


def test_the_time_of_a_goal_begins_anew_with_each(contents, home):
    trial = _trial(contents)
    for _ in range(9):
        assert trial.see(home, _turn(0.0)) == ""
    assert trial.see(home, _turn(1.0)) == "" and trial.goals == 1
    for _ in range(9):
        assert trial.see(home, _turn(1.0)) == ""
    assert trial.see(home, _turn(1.0)) == "stuck"


def test_the_cap_of_goals_ends_the_trial(contents, home):
    contents.contract["task"]["max_goals"] = 2
    trial = _trial(contents)
    assert [trial.see(home, _turn(angle)) for angle in (0.0, 1.0, 2.0)] == ["", "", "cap"]


def test_near_goals_are_as_far_as_they_should_be():
    orientation = _turn(0.3)
    source = RandomGoals("near", 0.5, seed=1)
    away = [goals.distance(source.draw(2, n, orientation), orientation) for n in range(500)]
    assert 0.5 <= min(away) < 0.52 and 0.88 < max(away) <= 0.9
    goal, again, another = (source.draw(trial, 3, orientation) for trial in (2, 2, 3))
    np.testing.assert_array_equal(goal, again)
    assert not np.allclose(goal, another)


def test_uniform_goals_are_uniform():
    """The angle of a uniform rotation has the density (1 - cos) / pi."""
    source = RandomGoals("uniform", 0.5, seed=1)
    q = np.array([source.draw(0, n, _turn(0.3)) for n in range(2000)])
    assert (q[:, 0] >= 0).all()
    np.testing.assert_allclose(np.linalg.norm(q, axis=1), 1)
    angles = rotations.angle(q)
    for quarter in (np.pi / 2, 3 * np.pi / 4):
        expected = (quarter - np.sin(quarter)) / np.pi
        assert np.mean(angles < quarter) == pytest.approx(expected, abs=0.03)


def test_aligned_goals_stand_on_a_face_at_any_angle():
    """Each of the six faces points along the palm's normal, x, equally often."""
    source = RandomGoals("aligned", 0.5, seed=1)
    q = np.array([source.draw(0, n, _turn(0.3)) for n in range(1200)])
    assert (q[:, 0] >= 0).all()
    up = np.array([rotations.rotate(rotations.conjugate(each), np.eye(3)[0]) for each in q])
    face = np.abs(up).argmax(axis=1)
    np.testing.assert_allclose(np.abs(up).max(axis=1), 1, atol=1e-12)
    sides = 2 * face + (up[np.arange(len(up)), face] > 0)
    assert np.bincount(sides, minlength=6).min() > 150
    for side in range(6):
        across = (face[sides == side][0] + 1) % 3
        axes = rotations.rotate(q[sides == side], np.eye(3)[across])
        yaw = np.arctan2(axes[:, 2], axes[:, 1])
        assert max(np.diff(np.sort(yaw), append=yaw.min() + 2 * np.pi)) < 0.3
        assert np.mean(np.abs(yaw) < np.pi / 2) == pytest.approx(0.5, abs=0.12)
