"""The last poses of object and fingertips, and what to do without new ones.

Whoever sees them, a motion tracker or a network that looks at pictures, reports them as messages.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from hardware.base import rotations
from hardware.base.frames import POLICY_FRAME
from hardware.base.messages import Fingertips, Pose

_UNIT_ERROR = 1e-3  # of a quaternion's norm
_FUTURE = 0.02  # s that another machine's clock may be ahead
# What no object in a hand exceeds from a pose to the next: m, m/s, rad, rad/s.
_LEAP, _SPEED, _TURN, _SPIN = 0.05, 3.0, 0.6, 15.0


class Tracker:
    """What is seen of the object and of markers on the fingertips, in the policy's frame.

    While something is missing its last place stands, as in training, where markers freeze; who asks
    for an age knows for how long. A pose to which no object can have come from the last one by then
    is left out, like one that makes no sense.

    Args:
        expected: the frame of what is seen, before a mount brought it into the policy's.
        on_event: told about messages that cannot be used, in words.
    """

    def __init__(self, expected: str, on_event: Callable[[str], None]):
        self._expected, self._on_event = expected, on_event
        self._lock = threading.Lock()
        self._pose: Pose | None = None
        self._from: Pose | None = None  # the last good one, from which the next must be reached
        self._tips = np.full((5, 3), np.nan)
        self._tip_stamps = np.full(5, -np.inf)
        self._refused = {"object pose": "", "fingertips": ""}

    def on_pose(self, pose: Pose, now: float) -> None:
        """Takes a message.

        Args:
            pose: in the policy's frame, or else of no use.
            now: the robot's time.
        """
        with self._lock:
            reason = self._refusal(pose, now, self._pose.stamp if self._pose else -np.inf)
            if not (np.isfinite(pose.position).all() and np.isfinite(pose.orientation).all()):
                reason = "it holds NaN or infinity"
            elif not abs(np.linalg.norm(pose.orientation) - 1) <= _UNIT_ERROR:
                reason = "its quaternion is not of unit norm"
            reason = reason or self._leap(pose)
            if not reason:
                self._pose = pose._replace(orientation=rotations.canonical(pose.orientation))
                self._from = self._pose
            self._report("object pose", reason)

    def on_fingertips(self, tips: Fingertips, now: float) -> None:
        """Takes a message; arguments as in `on_pose`."""
        with self._lock:
            reason = self._refusal(tips, now, self._tip_stamps.max())
            if tips.positions.shape != self._tips.shape:
                reason = f"it holds {len(tips.positions)} positions, expected are 5"
            if not reason:
                seen = np.isfinite(tips.positions).all(axis=1)
                self._tips[seen] = tips.positions[seen]
                self._tip_stamps[seen] = tips.stamp
            self._report("fingertips", reason)

    def start_anew(self) -> None:
        """Somebody may take the object elsewhere: the next pose need not follow from the last."""
        with self._lock:
            self._from = None

    def pose(self) -> Pose | None:
        """The last good pose; None before the first."""
        with self._lock:
            return self._pose

    def refused(self, what: str) -> str:
        """Why the last message about `object pose` or `fingertips` was left out; empty if not."""
        with self._lock:
            return self._refused[what]

    def fingertips(self) -> np.ndarray:
        """Where each fingertip was seen last, `[5, 3]` m; NaN before the first."""
        with self._lock:
            return self._tips.copy()

    def pose_age(self, now: float) -> float:
        """Seconds since the last good pose; infinite before the first."""
        pose = self.pose()
        return float("inf") if pose is None else now - pose.stamp

    def fingertips_age(self, now: float) -> float:
        """Seconds since the fingertip was seen that has been missing longest; infinite at first."""
        with self._lock:
            return float(now - self._tip_stamps.min())

    def _refusal(self, message: Pose | Fingertips, now: float, last: float) -> str:
        """Why a message cannot be used, whatever it says; empty if it can."""
        if message.frame != POLICY_FRAME:
            return f"it is given in frame {message.frame!r}, expected is {self._expected!r}"
        if not message.stamp <= now + _FUTURE:
            return "it is from the future: are the machines' clocks synchronised?"
        if message.stamp <= last:
            return "it is not newer than the one before it"
        return ""

    def _leap(self, pose: Pose) -> str:
        """Why no object gets from the last good pose to this one in that time, if none does."""
        last = self._from
        if last is None:
            return ""
        elapsed = pose.stamp - last.stamp
        way = float(np.linalg.norm(pose.position - last.position))
        turn = rotations.multiply(pose.orientation, rotations.conjugate(last.orientation))
        angle = float(rotations.angle(turn))
        if way > _LEAP + _SPEED * elapsed:
            return f"it would have moved faster than {_SPEED:g} m/s since the last good one"
        if angle > _TURN + _SPIN * elapsed:
            return f"it would have turned faster than {_SPIN:g} rad/s since the last good one"
        return ""

    def _report(self, what: str, reason: str) -> None:
        """Says once why messages are left out."""
        if reason and reason != self._refused[what]:
            self._on_event(f"{what} left out: {reason}")
        self._refused[what] = reason
