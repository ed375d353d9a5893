"""Runs trials on one hand: its guard, its tracker, its log, and the control loop."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from hardware.base.errors import UserError, describe
from hardware.base.frames import POLICY_FRAME
from hardware.base.messages import Fingertips, Image, JointState, Pose
from hardware.bundle.store import Bundle
from hardware.policy.actions import Chooser
from hardware.policy.controller import Controller
from hardware.robots.robot import Listeners, Robot
from hardware.safety import limits, motion
from hardware.safety.guard import CHECK_PERIOD, Guard, Watched
from hardware.sight.camera_tracker import LOOK_PERIOD, USUAL, Acceptance, CameraTracker
from hardware.sight.cameras import Camera
from hardware.sight.estimator import Estimate
from hardware.sight.mount import Mount
from hardware.sight.tracker import Tracker
from hardware.trials.goals import GoalSource
from hardware.trials.log import Log
from hardware.trials.palm import Palm
from hardware.trials.trial import Result, Trial

LISTEN = 0.2  # s to receive readings before the first command
OBJECT, FINGERTIPS = "object pose", "fingertips"  # names in guard and tracker
TRACKER_PATIENCE, CAMERA_PATIENCE = 0.3, 2.0  # maximum ages of poses, s
CAMERA_LOOKS = 3  # consecutive control steps that must confirm a goal; one estimate may be wrong


def _say(line: str) -> None:
    print(line, flush=True)  # a pipe would be buffered


class Lab(Protocol):
    """Sets up trials: brings hand and object to the start, and provides goals and actions.

    Attributes:
        goals: source of the goals.
        chooser: chooses the policy's actions.
    """

    goals: GoalSource
    chooser: Chooser

    def set_up(self, session: Session, trial: int) -> bool:
        """Sets up a trial; returns False if the hand is held and the trial cannot begin."""


class Session:
    """A hand with its guard, its tracker and its log, which are always on.

    Args:
        bundle: bundle of the policy.
        robot: the hand; the session listens to it from now on.
        mount: pose of the tracker's frame.
        log: records everything; None keeps no log.
        markers: whether fingertip positions come from the tracker's markers; otherwise they come
            from the joint angles.
        cameras: cameras whose pictures the bundle's network turns into poses; None takes poses from
            the tracker.
        acceptance: which pose estimates are accepted.
        patience: maximum age of poses while the policy acts, s; None takes `TRACKER_PATIENCE`, with
            cameras `CAMERA_PATIENCE`.
        rates: allowed rates of the actuators as a share of the usual ones.
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
        acceptance: Acceptance = USUAL,
        patience: float | None = None,
        rates: float = 1.0,
        say: Callable[[str], None] = _say,
    ):
        self.bundle, self.robot = bundle, robot
        self._log, self._say, self._markers = log, say, markers
        usual = TRACKER_PATIENCE if cameras is None else CAMERA_PATIENCE
        self.patience = usual if patience is None else patience
        self.needs = (OBJECT, *([FINGERTIPS] if markers else []))
        self._trial, self._began = 0, robot.now()
        self.late: list[float] = []  # lateness of each control step, s
        self.jitter: list[float] = []  # absolute error of each control period, s
        self.computing: list[float] = []  # time from readings to command, s
        self.looking: list[float] = []  # time from three pictures to a pose, s
        self._mount, self.tracker = mount, Tracker(mount.frame, self.event)
        allowed = limits.smallest(*filter(None, (limits.of_bundle(bundle), robot.limits())))
        self.guard = Guard(
            bundle,
            allowed._replace(rates=rates * allowed.rates),
            robot.now,
            robot.send,
            self._watched(),
            self._trouble,
            self.event,
            self._on_command,
        )
        self._controller = Controller(bundle)
        self._camera_tracker: CameraTracker | None = None
        if cameras is not None:
            self._camera_tracker = CameraTracker(
                bundle, cameras, robot.now, self._on_estimate, self.event, acceptance
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
        robot.every(CHECK_PERIOD, self.guard.check)
        if self._camera_tracker is not None:
            robot.every(LOOK_PERIOD, self._camera_tracker.look)

    def event(self, text: str) -> None:
        """Logs an event and shows it to the user."""
        self._write("/event", trial=self._trial, text=text)
        self._say(f"{self.robot.now() - self._began:.2f} s: {text}")

    def stop_on_enter(self) -> None:
        """Stops the hand permanently when Enter is pressed in this program's terminal, if any."""

        def wait():
            sys.stdin.readline()  # also returns when the terminal closes
            self.guard.stop("the Enter key")

        if sys.stdin is not None and sys.stdin.isatty():  # a service may have no stdin
            threading.Thread(target=wait, name="stop key", daemon=True).start()

    def mark_excitation(self, actuator: str) -> None:
        """Logs that an actuator starts its calibration motion; empty: that the motion is over."""
        self._write("/excitation", actuator=actuator)

    def run(self, lab: Lab, trial: int, timeout_s: float) -> Result:
        """Runs one trial, from its set-up to its end; the hand then keeps its last command.

        Args:
            lab: sets the trial up.
            trial: the trial's number, counted from 0.
            timeout_s: time limit per goal, s.
        """
        self._trial = trial
        self.tracker.start_anew()
        prepared = lab.set_up(self, trial)
        result = Result("", "", goals=0, steps=0, steps_to_last_goal=0)
        seen: deque[Pose] = deque(maxlen=3)  # the object's last poses in control steps
        if prepared:
            looks = 1 if self._camera_tracker is None else CAMERA_LOOKS
            progress = Trial(self.bundle, lab.goals, trial, timeout_s, self.event, looks)
            lab.chooser.begin(trial)
            self._controller.begin(lab.chooser.choose)
            end = ""
            try:
                end = self._loop(progress, seen)
            except UserError:
                raise
            except Exception as error:  # any failure holds the hand
                self.guard.hold(f"the policy fails: {describe(error)}")
            result = progress.result(end)
        self.guard.end()
        if not result.end:
            end, reason = self._why_held(seen)
            result = result._replace(end=end, reason=reason)
        self._write("/result", trial=trial, **result._asdict())
        return result

    def _loop(self, progress: Trial, seen: deque[Pose]) -> str:
        """Runs the policy at its rate; returns how the trial ended, empty if the hand is held."""
        robot, period = self.robot, self.bundle.control_dt
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
            chosen = self._controller.step(
                joints.position,
                joints.velocity,
                self.guard.targets(),
                pose.position,
                pose.orientation,
                progress.goal,
                self.tracker.fingertips() if self._markers else None,
            )
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
            due = motion.next_due(due, robot.now(), period)
            step += 1

    def _why_held(self, seen: deque[Pose]) -> tuple[str, str]:
        """End and reason of a trial in which the hand is held, given the object's last poses."""
        reason = self.guard.fault
        if self.guard.stopped:
            return "stop", reason
        way = Palm(self.bundle).way_out(seen) if self.guard.unseen == OBJECT else ""
        return ("drop", f"{reason}, {way}") if way else ("fault", reason)

    def _watched(self) -> dict[str, Watched]:
        tracker, patience = self.tracker, self.patience
        return {
            OBJECT: Watched(tracker.pose_age, patience, lambda: tracker.refused(OBJECT)),
            FINGERTIPS: Watched(
                tracker.fingertips_age, patience, lambda: tracker.refused(FINGERTIPS)
            ),
        }

    def _trouble(self) -> str:
        """The reason why the hand must not be commanded: the log failed, or the robot's reason."""
        failure = self._log.failure if self._log is not None else None
        return f"the log: {describe(failure)}" if failure is not None else self.robot.trouble()

    def _on_command(self, targets: np.ndarray) -> None:
        self._write("/command", targets=targets)

    def _on_joint_state(self, message: JointState) -> None:
        self._write("/joint_states", **message._asdict())
        self.guard.on_joint_state(message)

    def _on_tracker(self, message: Pose) -> None:
        if self._camera_tracker is None:
            self._on_pose(message)

    def _on_image(self, message: Image) -> None:
        if self._camera_tracker is not None:
            self._camera_tracker.on_image(message)

    def _on_estimate(self, stamp: float, estimate: Estimate, sure: bool, took: float) -> None:
        self.looking.append(took)
        self._write("/estimate", stamp=stamp, **estimate._asdict(), believed=sure, took=took)
        if sure:
            self._on_pose(Pose(stamp, POLICY_FRAME, estimate.position, estimate.orientation))

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
