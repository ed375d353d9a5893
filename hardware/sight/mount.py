"""Where a motion tracker stands: its frame in the policy's."""

from __future__ import annotations

import json

import numpy as np

from hardware.base import rotations
from hardware.base.errors import UserError
from hardware.base.frames import FOREARM_FRAME, FOREARM_TURN, POLICY_FRAME
from hardware.base.messages import Fingertips, Pose

_UNIT_ERROR = 1e-3  # of a quaternion's norm


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
