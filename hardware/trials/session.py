"""Trials on one hand: its guard, its tracker, its log, and the loop of the policy."""

from __future__ import annotations

import functools
import math
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from hardware import safety
from hardware.bundle.store import Bundle
from hardware.sight.cameras import Camera
from hardware.policy.controller import Controller
from hardware.sight.estimator import Estimate
from hardware.sight.camera_tracker import LARGEST_DOUBT, LOOK_PERIOD, Eyes
from hardware.trials.log import Log
from hardware.base.messages import Fingertips, Image, JointState, Pose
from hardware.robots.robot import Listeners, Robot
from hardware.sight.tracker import POLICY_FRAME, Mount, Tracker
from hardware.trials.trial import Palm, Result, Trial

LISTEN = 0.2  # s to hear of the hand before anything is asked of it
_OBJECT = "object pose"  # as the guard calls it
_STILL = 1.0  # s that the object must lie in the palm before a trial
_STILL_SPEED = 0.02  # m/s, of means over half that time: what sees it may be noisy


_show = functools.partial(print, flush=True)  # at once, also where somebody reads from a pipe


class Setup(NamedTuple):
    """How a trial begins.

    Attributes:
        goal: see `goals.draw`.
        choose: bins `[20]` of logits `[bin, 20]`.
    """

    goal: Callable[[int, np.ndarray], np.ndarray]
    choose: Callable[[np.ndarray], np.ndarray]


class Lab(Protocol):
    """Who brings the hand and the object to where a trial begins."""

    def set_up(self, session: Session, trial: int) -> Setup | None:
        """Prepares a trial; None if the hand is held and there can be none."""


class Session:
    """A hand with everything that is always on.

    Args:
        bundle: the policy.
        robot: the hand; the session listens to it from now on.
        mount: where the tracker's frame is.
        markers: whether fingertips are where markers are seen; else the joint angles say it.
        cameras: in which the bundle's network sees the object; None leaves that to the tracker.
        largest_doubt: of poses that are believed, rad, see `eyes.Eyes`.
        log: takes everything; None keeps no log.
        say: shows a line to the user.
    """

    def __init__(
        self,
        bundle: Bundle,
        robot: Robot,
        mount: Mount,
        log: Log | None,
        *,
        markers: bool = False,
        cameras: Sequence[Camera] | None = None,
        largest_doubt: float = LARGEST_DOUBT,
        say: Callable[[str], None] = _show,
    ):
        self.bundle, self.robot = bundle, robot
        self._log, self._say, self._markers = log, say, markers
        self.needs = (_OBJECT, *(["fingertips"] if markers else []))
        self._trial, self._began = 0, robot.now()
        self.late: list[float] = []  # s, of every control step
        self.jitter: list[float] = []  # s, of the time from one to the next
        self.computing: list[float] = []  # s, from readings to command
        self.looking: list[float] = []  # s, from three pictures to a pose
        self._mount, self.tracker = mount, Tracker(mount.frame, self.event)
        ages = {
            _OBJECT: self.tracker.pose_age,
            "fingertips": self.tracker.fingertips_age,
        }
        self.guard = safety.Guard(bundle, robot.now, self._send, ages, self.event)
        self._controller = Controller(bundle)
        self._eyes: Eyes | None = None
        if cameras is not None:
            self._eyes = Eyes(
                bundle, cameras, robot.now, self._on_estimate, self.event, largest_doubt
            )
        robot.listen(
            Listeners(
                self._on_joint_state,
                self._on_tracker,
                self._on_fingertips,
                self.guard.stop,
                self._on_image,
            )
        )
        robot.every(safety.CHECK_PERIOD, self.guard.check)
        if self._eyes is not None:
            robot.every(LOOK_PERIOD, self._eyes.look)

    def event(self, text: str) -> None:
        """Logs and shows something that happened."""
        self._write("/event", trial=self._trial, text=text)
        self._say(f"{self.robot.now() - self._began:.2f} s: {text}")

    def stop_on_enter(self) -> None:
        """Stops for good when somebody presses Enter at this program's terminal, if it has one."""

        def wait():
            sys.stdin.readline()  # returns when the terminal is gone, too
            self.guard.stop("the Enter key")

        if sys.stdin is not None and sys.stdin.isatty():  # a service may have none at all
            threading.Thread(target=wait, name="stop key", daemon=True).start()

    def mark_excitation(self, actuator: str) -> None:
        """Logs that an actuator begins its motion of a calibration, or, empty, that it is over."""
        self._write("/excitation", actuator=actuator)

    def run(self, lab: Lab, trial: int, timeout_s: float) -> Result:
        """One trial, from its set-up to its end; the hand keeps its last command after it.

        Args:
            lab: who prepares it.
            trial: its number, from 0 on.
            timeout_s: that a goal may take.
        """
        self._trial = trial
        setup = lab.set_up(self, trial)
        result = Result("", "", goals=0, steps=0, steps_to_last_goal=0)
        seen: deque[Pose] = deque(maxlen=3)  # the object's last poses in control steps
        if setup is not None:
            progress = Trial(self.bundle, setup.goal, timeout_s, self.event)
            result = progress.result(self._loop(setup, progress, seen))
        self.guard.end()
        if not result.end:
            end, reason = self._why_held(seen)
            result = result._replace(end=end, reason=reason)
        self._write("/result", trial=trial, **result._asdict())
        return result

    def _loop(self, setup: Setup, progress: Trial, seen: deque[Pose]) -> str:
        """The policy at its rate; how the trial ended, or nothing when the hand is held."""
        robot, period = self.robot, self.bundle.control_dt
        self._controller.begin(setup.choose)
        due, before = robot.now(), None
        step = 0
        while True:
            robot.wait_until(due)
            began, computes = robot.now(), time.perf_counter()
            joints, pose = self.guard.joints(), self.tracker.pose()
            if self.guard.fault or joints is None or pose is None:
                return ""
            if not seen or pose.stamp > seen[-1].stamp:
                seen.append(pose)
            end = progress.see(pose.position, pose.orientation)
            if end:
                return end
            try:
                chosen = self._controller.step(
                    joints.position,
                    joints.velocity,
                    self.guard.targets(),
                    pose.position,
                    pose.orientation,
                    progress.goal,
                    self.tracker.fingertips() if self._markers else None,
                )
            except FloatingPointError as error:
                self.guard.hold(str(error))
                return ""
            if not self.guard.command(chosen.targets):
                return ""
            self.late.append(max(began - due, 0.0))
            if before is not None:
                self.jitter.append(abs(began - before - period))
            before = began
            self.computing.append(time.perf_counter() - computes)
            self._write(
                "/step",
                trial=self._trial,
                step=step,
                goals=progress.goals,
                goal=progress.goal,
                distance=progress.distance,
                position=pose.position,
                orientation=pose.orientation,
                late=began - due,
                **chosen._asdict(),
            )
            due = safety.next_due(due, robot.now(), period)
            step += 1

    def _why_held(self, seen: deque[Pose]) -> tuple[str, str]:
        """How a trial ends in which the hand is held, and why, given the object's last poses."""
        reason = self.guard.fault
        if self.guard.stopped:
            return "stop", reason
        way = Palm(self.bundle).way_out(seen) if self.guard.unseen == _OBJECT else ""
        return ("drop", f"{reason}, {way}") if way else ("fault", reason)

    def _send(self, targets: np.ndarray) -> None:
        self._write("/command", targets=targets)
        self.robot.send(targets)

    def _on_joint_state(self, message: JointState) -> None:
        self._write("/joint_states", **message._asdict())
        self.guard.on_joint_state(message)

    def _on_tracker(self, message: Pose) -> None:
        if self._eyes is None:
            self._on_pose(message)

    def _on_image(self, message: Image) -> None:
        if self._eyes is not None:
            self._eyes.on_image(message)

    def _on_estimate(self, stamp: float, estimate: Estimate, sure: bool, took: float) -> None:
        position, _, orientation, doubt = estimate
        self.looking.append(took)
        self._write(
            "/estimate",
            stamp=stamp,
            position=position,
            orientation=orientation,
            doubt=doubt,
            believed=sure,
            took=took,
        )
        if sure:
            self._on_pose(Pose(stamp, POLICY_FRAME, position, orientation))

    def _on_pose(self, message: Pose) -> None:
        message = self._mount.pose(message)
        self._write("/pose", **message._asdict())
        self.tracker.on_pose(message, self.robot.now())

    def _on_fingertips(self, message: Fingertips) -> None:
        message = self._mount.fingertips(message)
        self._write("/fingertips", **message._asdict())
        self.tracker.on_fingertips(message, self.robot.now())

    def _write(self, topic: str, **message: object) -> None:
        if self._log is not None:
            self._log.write(topic, self.robot.now(), **message)


class Bench:
    """A hand on a bench: it goes to its start posture slowly, and somebody gives it the object.

    Args:
        goals: of a trial, see `goals.draw`.
        choose: of a trial, bins `[20]` of logits `[bin, 20]`.
    """

    def __init__(
        self,
        goals: Callable[[int], Callable[[int, np.ndarray], np.ndarray]],
        choose: Callable[[int], Callable[[np.ndarray], np.ndarray]],
    ):
        self._goals, self._choose = goals, choose

    def set_up(self, session: Session, trial: int) -> Setup | None:
        """See `Lab`."""
        guard, robot, period = session.guard, session.robot, session.bundle.control_dt
        posture, palm = session.bundle.start_targets, Palm(session.bundle)
        robot.wait_until(robot.now() + LISTEN)
        if not guard.begin():
            return None
        start, began = guard.targets(), robot.now()
        seen: deque[Pose] = deque(maxlen=2 * math.ceil(0.5 * _STILL / period))  # in the palm
        asked = None  # whether it was in sight when it was asked for last
        while not self._still(seen):
            now = robot.now()
            if not guard.command(safety.blend(start, posture, now - began)):
                return None
            pose = session.tracker.pose()
            arrived = np.abs(guard.targets() - posture).max() < safety.ROUNDING
            fresh = session.tracker.pose_age(now) <= safety.SIGHT_STALE
            if not (arrived and fresh and pose is not None and palm.holds(pose.position)):
                seen.clear()
            elif not seen or pose.stamp > seen[-1].stamp:
                seen.append(pose)
            if arrived and not seen and fresh != asked:
                session.event(self._request(palm, pose if fresh else None))
                asked = fresh
            robot.wait_until(now + period)
        if not guard.begin(needs=session.needs, targets=guard.targets()):
            return None
        return Setup(self._goals(trial), self._choose(trial))

    @staticmethod
    def _request(palm: Palm, pose: Pose | None) -> str:
        """What to ask for while the object is seen beside the palm or, None, not at all."""
        if pose is None:
            sight = f"no pose of it is newer than {safety.SIGHT_STALE:g} s"
        else:
            sight = f"it is seen {100 * np.linalg.norm(palm.offset(pose.position)):.0f} cm from it"
        return f"put the object into the palm: {sight}"

    @staticmethod
    def _still(seen: deque[Pose]) -> bool:
        """Whether poses, as many as there should be, are those of an object at rest."""
        if len(seen) < (seen.maxlen or 0):
            return False
        places = np.array([pose.position for pose in seen])
        earlier, later = (half.mean(axis=0) for half in np.split(places, 2))
        return bool(np.linalg.norm(later - earlier) <= _STILL_SPEED * 0.5 * _STILL)
