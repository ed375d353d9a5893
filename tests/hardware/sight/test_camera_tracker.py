import threading
import time

import numpy as np
import pytest

from hardware.base import rotations
from hardware.base.errors import UserError
from hardware.bundle import store
from hardware.policy.actions import MostProbable
from hardware.policy.controller import Controller
from hardware.sight import cameras
from hardware.sight.camera_tracker import Acceptance, CameraTracker, known_cameras
from hardware.sight.estimator import Estimator
from hardware.sight.mount import AT_FOREARM
from hardware.trials.bench import Bench
from hardware.trials.goals import RandomGoals
from hardware.trials.session import Session
from tests.hardware.fake_hand import FakeHand
from tests.hardware.trials.test_session import first_readings

NAMES = ("fingers", "thumb", "little")


class Sight:
    """A tracker that looks when it is told to, with what it reports and says."""

    def __init__(self, contents, doubt=10.0, misfit=np.inf):
        self.time, self.seen, self.said = 100.0, [], []
        self.tracker = CameraTracker(
            contents,
            known_cameras(contents),
            lambda: self.time,
            lambda *report: self.seen.append(report),
            self.said.append,
            Acceptance(doubt, misfit),
        )
        self.pictures = contents.golden_pictures()["pictures"]

    def send(self, stamp, names=NAMES, frame=0, **change):
        for name in names:
            picture = self.pictures[frame, NAMES.index(name)]
            self.tracker.on_image(cameras.image(stamp, name, picture)._replace(**change))

    def look(self):
        """Stamps of what was reported."""
        before = len(self.seen)
        self.tracker.look()
        return [report[0] for report in self.seen[before:]]


@pytest.fixture
def sight(contents):
    return Sight(contents)


def test_a_pose_is_what_training_saw_in_the_pictures(contents, sight):
    golden = contents.golden_pictures()
    for frame in range(len(golden["pictures"])):
        sight.time = 100.0 + frame
        sight.send(sight.time, frame=frame)
        assert sight.look() == [sight.time]
        _, estimate, sure, took = sight.seen[-1]
        np.testing.assert_allclose(estimate.position, golden["position"][frame], atol=1e-5)
        off = rotations.multiply(
            estimate.orientation, rotations.conjugate(golden["orientation"][frame])
        )
        assert rotations.angle(off) < 1e-3
        assert estimate.doubt == pytest.approx(golden["doubt"][frame], abs=1e-3)
        assert sure and 0 < took < 10
    assert sight.said == [] and np.ptp(golden["position"], axis=0).max() > 1e-3


def test_the_newest_pictures_that_belong_together_are_taken_once(sight):
    sight.send(99.90)
    sight.send(99.95)
    sight.send(99.97, ["thumb"])
    assert sight.look() == [99.95] and sight.look() == []
    sight.send(99.95)  # came twice
    sight.send(99.93)  # out of order
    sight.send(np.nan)
    assert sight.look() == []
    for name, stamp in (("fingers", 99.995), ("thumb", 99.999), ("little", 99.985)):
        sight.send(stamp, [name])
    assert sight.look() == [99.985]  # as old as its oldest picture
    sight.send(100.0, ["fingers", "thumb"])
    assert sight.look() == [] and sight.said == []
    sight.send(100.015, ["little"])
    assert sight.look() == [100.0]


def test_pictures_that_are_apart_make_no_pose_and_it_is_said(sight):
    for _ in range(40):
        sight.time += 0.1
        sight.send(sight.time, ["fingers", "thumb"])
        sight.send(sight.time - 0.04, ["little"])
        assert sight.look() == []
    (line,) = sight.said
    assert "the newest are 40 ms apart, more than 20" in line


def test_a_camera_that_falls_silent_is_named(sight):
    for _ in range(10):
        sight.time += 0.1
        sight.send(sight.time)
        assert sight.look() == [sight.time]
    for _ in range(60):
        sight.time += 0.1
        sight.send(sight.time, ["fingers", "little"])
        assert sight.look() == []
    assert sight.said == 2 * ["no picture came of camera thumb for 0.5 s"]  # again after 5 s
    sight.time += 0.1
    sight.send(sight.time)
    assert sight.look() == [sight.time]


def test_pictures_of_the_future_are_left_out_and_do_not_blind(sight):
    sight.send(109.0, ["thumb"])
    assert "thumb: its pictures are from the future" in sight.said[0]
    sight.send(100.0)
    assert sight.look() == [100.0]


def test_poses_in_doubt_are_reported_as_such(contents):
    doubts = contents.golden_pictures()["doubt"]
    sight = Sight(contents, doubt=float(np.sort(doubts)[:2].mean()))
    for frame in range(len(doubts)):
        sight.send(100.0 + frame / 200, frame=frame)
        sight.look()
    sure = [report[2] for report in sight.seen]
    assert sure == [doubt == doubts.min() for doubt in doubts]
    (line,) = sight.said  # of the first one, and no more in the same breath
    assert "object pose left out: the network doubts it by" in line


def test_a_camera_that_does_not_fit_is_named(contents):
    sight = Sight(contents, misfit=8.0)
    estimate = sight.tracker._estimator.estimate
    for stamp, misfit in ((100.0, [1.0, 2.0, 7.0]), (100.1, [1.0, 9.0, 2.0])):
        sight.tracker._estimator.estimate = lambda pictures, misfit=misfit: estimate(
            pictures
        )._replace(misfit=np.array(misfit))
        sight.time = stamp
        sight.send(stamp)
        sight.look()
    assert [report[2] for report in sight.seen] == [True, False]
    (line,) = sight.said
    assert "object pose left out: it does not explain what camera thumb shows (misfit 9.0" in line


def test_pictures_that_cannot_be_read_are_said_and_survived(sight):
    sight.send(100.0, encoding="yuv422")
    assert sight.look() == []
    assert "pictures left out: camera fingers sends 'yuv422'" in sight.said[0]
    sight.send(100.01)
    assert sight.look() == [100.01]


def test_a_bundle_without_a_pose_network_is_refused(blind):
    with pytest.raises(UserError, match="has no pose network; export it with --vision_workdir"):
        known_cameras(store.load(str(blind)))


class Watched(FakeHand):
    """A hand that cameras look at, which all show one golden frame."""

    def __init__(self, contents):
        super().__init__(contents)
        self.pictures = contents.golden_pictures()["pictures"][0]
        self.sees = lambda now: NAMES
        self._ticks = 0

    def report(self):
        super().report()
        self._ticks += 1
        if self._ticks % 5 == 0:
            for name in self.sees(self.now()):
                picture = self.pictures[NAMES.index(name)]
                self._to.image(cameras.image(self.now(), name, picture))


def trial(contents, hand, said, doubt):
    session = Session(
        contents,
        hand,
        AT_FOREARM,
        None,
        cameras=known_cameras(contents),
        acceptance=Acceptance(doubt, np.inf),
        say=said.append,
    )
    lab = Bench(RandomGoals("near", 0.5, seed=0), MostProbable())
    hand.report()
    return session, session.run(lab, 0, 4.0)


@pytest.fixture
def in_palm(contents):
    """The bundle, with a palm wherever its random network sees the object."""
    contents.contract["task"]["drop_box"] = [[-9.0, 9.0]] * 3
    return contents


def test_a_trial_by_sight(in_palm):
    """The tracker's poses, which are others, are not heard."""
    hand, said = Watched(in_palm), []
    session, result = trial(in_palm, hand, said, doubt=10.0)
    assert result.end == "stuck" and result.steps == 50
    position = in_palm.golden_pictures()["position"][0]
    np.testing.assert_allclose(session.tracker.pose().position, position, atol=1e-5)
    assert not np.allclose(position, hand.position, atol=1e-3)
    assert len(session.looking) == pytest.approx((hand.now() - 100) / 0.04, abs=3)
    assert not [line for line in said if "left out" in line]


def test_without_one_camera_the_hand_is_held_after_two_seconds(in_palm):
    hand, said = Watched(in_palm), []
    gone: list[float] = []

    def sees(now):
        if len(hand.commands) < 25:
            return NAMES
        gone.append(now)
        return ("fingers", "little")

    hand.sees = sees
    result = trial(in_palm, hand, said, doubt=10.0)[1]
    assert result.end == "fault" and result.reason == "object pose: last seen 2.0 s ago"
    assert 1.9 < hand.commands[-1][0] - gone[0] < 2.1
    assert [line for line in said if "no picture came of camera thumb" in line]


def test_a_pose_in_doubt_does_not_begin_a_trial(in_palm):
    hand, said = Watched(in_palm), []
    hand.on_step = lambda: hand.now() > 104.0 and hand.ask_to_stop("the test")
    session, result = trial(in_palm, hand, said, doubt=0.01)
    assert result.end == "stop" and session.tracker.pose() is None
    assert [line for line in said if "object pose left out: the network doubts it" in line]


def test_control_steps_do_not_wait_for_the_network(contents):
    """An estimate of 0.2 s on another thread leaves control steps as quick as they were."""
    sight = Sight(contents)
    estimate = sight.tracker._estimator.estimate

    def slow(pictures):
        time.sleep(0.2)
        return estimate(pictures)

    sight.tracker._estimator.estimate = slow
    controller, readings = Controller(contents), first_readings(contents)
    sight.send(100.0)
    looking = threading.Thread(target=sight.tracker.look)
    looking.start()
    steps = 0
    while looking.is_alive():
        controller.step(*readings)
        sight.send(sight.time)
        steps += 1
    assert len(sight.seen) == 1 and steps > 20


def test_the_network_has_the_interface_that_is_told(contents):
    vision = contents.contract["vision"]
    assert [camera["name"] for camera in vision["cameras"]] == list(NAMES)
    assert contents.golden_pictures()["pictures"].shape[1:] == (
        *(3, vision["image_size"], vision["image_size"], 3),
    )
    pictures = np.zeros((3, vision["image_size"], vision["image_size"], 3), np.uint8)
    estimate = Estimator(contents).estimate(pictures)  # a blank camera is no reason to fail
    assert np.isfinite(estimate.position).all() and np.isfinite(estimate.doubt)
    assert np.linalg.norm(estimate.orientation) == pytest.approx(1.0)
