"""Where object and fingertips are: the frames of what is seen, and what to do without it.

Whoever sees them, a motion tracker or a network that looks at pictures, reports them as messages.

Two frames bear the forearm's name. The policy's, which all of this room means by `rh_forearm`, is
that of the body in hand.xml, as the hand's published MuJoCo model has it: the palm faces x. That of
the maker's URDF, and so of ROS, has the same origin, but there the palm faces -y.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import numpy as np

from hardware.base import rotations
from hardware.base.messages import Fingertips, Pose
from hardware.base.errors import UserError

POLICY_FRAME = "policy"  # as messages call the former
FOREARM_FRAME = "rh_forearm"  # as they call the latter
FOREARM_TURN = np.array([np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)])  # the latter's orientation there
_UNIT_ERROR = 1e-3  # of a quaternion's norm
_FUTURE = 0.02  # s that another machine's clock may be ahead


class Mount:
    """Where a tracker's frame is in the policy's.

    Args:
        frame: the frame of the tracker's messages.
        position: of its origin, `[3]` m in the policy's frame.
        quaternion: its orientation there, `[4]`.
    """

    def __init__(self, frame: str, position: np.ndarray, quaternion: np.ndarray):
        self.frame = frame
        self._position, self._quaternion = position, quaternion

    def pose(self, pose: Pose) -> Pose:
        """A pose of the tracker's frame in the policy's; one of another frame as it is."""
        if pose.frame != self.frame:
            return pose
        orientation = rotations.multiply(self._quaternion, pose.orientation)
        return Pose(pose.stamp, POLICY_FRAME, self._points(pose.position), orientation)

    def fingertips(self, tips: Fingertips) -> Fingertips:
        """The same of fingertips."""
        if tips.frame != self.frame:
            return tips
        return Fingertips(tips.stamp, POLICY_FRAME, self._points(tips.positions))

    def _points(self, positions: np.ndarray) -> np.ndarray:
        return self._position + rotations.rotate(self._quaternion, positions)


AT_FOREARM = Mount(FOREARM_FRAME, np.zeros(3), FOREARM_TURN)


def load_mount(path: str) -> Mount:
    """Reads `{"frame": NAME, "position": [x, y, z], "quaternion": [w, x, y, z]}`.

    The file says where the tracker's frame is in that of the maker's URDF.

    Raises:
        UserError: it cannot be read, or is something else.
    """
    try:
        with open(path, encoding="utf-8") as file:
            fields = json.load(file)
        position, quaternion = (np.array(fields[k], float) for k in ("position", "quaternion"))
        norm = np.linalg.norm(quaternion)
        sound = position.shape == (3,) and quaternion.shape == (4,) and abs(norm - 1) < _UNIT_ERROR
        if not (sound and np.isfinite(position).all() and isinstance(fields["frame"], str)):
            raise ValueError("lengths or norm are wrong")
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"--tracker_mount: {path!r} does not hold a frame, a position of 3 and a unit "
            f"quaternion of 4 numbers ({error}); correct it"
        ) from None
    return Mount(
        fields["frame"],
        rotations.rotate(FOREARM_TURN, position),
        rotations.multiply(FOREARM_TURN, quaternion / norm),
    )


class Tracker:
    """What is seen of the object and of markers on the fingertips, in the policy's frame.

    While something is missing its last place stands, as in training, where markers freeze; who asks
    for an age knows for how long.

    Args:
        expected: the frame of what is seen, before a mount brought it into the policy's.
        on_event: told about messages that cannot be used, in words.
    """

    def __init__(self, expected: str, on_event: Callable[[str], None]):
        self._expected, self._on_event = expected, on_event
        self._lock = threading.Lock()
        self._pose: Pose | None = None
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
            elif abs(np.linalg.norm(pose.orientation) - 1) > _UNIT_ERROR:
                reason = "its quaternion is not of unit norm"
            if not reason:
                self._pose = pose._replace(orientation=rotations.canonical(pose.orientation))
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

    def pose(self) -> Pose | None:
        """The last good pose; None before the first."""
        with self._lock:
            return self._pose

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

    def _report(self, what: str, reason: str) -> None:
        """Says once why messages are left out."""
        if reason and reason != self._refused[what]:
            self._on_event(f"{what} left out: {reason}")
        self._refused[what] = reason
