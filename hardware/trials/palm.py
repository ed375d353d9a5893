"""Decides whether the object is in the palm, and whether it was leaving when last seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hardware.base import rotations
from hardware.base.messages import Pose
from hardware.bundle.store import Bundle

WAY_OUT, EDGE = 0.2, 0.015  # s, m; see `Palm.way_out`


class Palm:
    """The drop box: a box around the palm whose axes have z upwards.

    The object counts as dropped when its centre is outside.

    Args:
        bundle: bundle with the box and the mounting of the forearm.
    """

    def __init__(self, bundle: Bundle):
        frames = bundle.contract["frames"]
        self._position = np.array(frames["forearm_in_world"]["position"])
        self._quaternion = np.array(frames["forearm_in_world"]["quaternion"])
        self._palm = np.array(frames["palm_in_world"])
        self._low, self._high = np.array(bundle.contract["task"]["drop_box"]).T

    def offset(self, position: np.ndarray) -> np.ndarray:
        """Vector from the palm to the object, `[3]` m in axes with z upwards.

        Args:
            position: position of the object's centre in `rh_forearm`, `[3]` m.
        """
        return self._position + rotations.rotate(self._quaternion, position) - self._palm

    def holds(self, position: np.ndarray) -> bool:
        """Whether the object's centre, `[3]` m in `rh_forearm`, is inside the box."""
        return self._margin(self.offset(position)) >= 0

    def way_out(self, seen: Sequence[Pose]) -> str:
        """Says how an object that went out of sight was leaving the box; empty if it was not.

        It was leaving if its last motion, continued for `WAY_OUT` s, would have brought it outside
        the box or within `EDGE` of its boundary.

        Args:
            seen: its last poses, the newest last; three of them average out the tracker's noise.
        """
        if len(seen) < 2:
            return ""
        first, last = (self.offset(pose.position) for pose in (seen[0], seen[-1]))
        velocity = (last - first) / (seen[-1].stamp - seen[0].stamp)
        if self._margin(last + WAY_OUT * velocity) > EDGE:
            return ""
        return (
            f"{1000 * self._margin(last):.0f} mm from the edge of the drop box, moving at "
            f"{np.linalg.norm(velocity):.2f} m/s, {-velocity[2]:.2f} of it down"
        )

    def _margin(self, offset: np.ndarray) -> float:
        """Distance of an offset from the box's nearest face, m; negative outside."""
        return float(np.minimum(offset - self._low, self._high - offset).min())
