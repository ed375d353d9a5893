"""Whether the object lies in the palm, and how it was leaving when it went out of sight."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hardware.base import rotations
from hardware.base.messages import Pose
from hardware.bundle.store import Bundle

WAY_OUT, EDGE = 0.2, 0.015  # s, m; an object that nears the edge so and is not seen is dropped


class Palm:
    """Where the object may be: a box about the palm, in axes that stand upright.

    Args:
        bundle: the box, and how the forearm is mounted.
    """

    def __init__(self, bundle: Bundle):
        frames = bundle.contract["frames"]
        self._position = np.array(frames["forearm_in_world"]["position"])
        self._quaternion = np.array(frames["forearm_in_world"]["quaternion"])
        self._palm = np.array(frames["palm_in_world"])
        self._low, self._high = np.array(bundle.contract["task"]["drop_box"]).T

    def offset(self, position: np.ndarray) -> np.ndarray:
        """From the palm to the object's centre, `[3]` m in `rh_forearm`; upright axes, `[3]` m."""
        return self._position + rotations.rotate(self._quaternion, position) - self._palm

    def holds(self, position: np.ndarray) -> bool:
        """Whether the object's centre, `[3]` m in `rh_forearm`, is in the box, or dropped."""
        return self._margin(self.offset(position)) >= 0

    def way_out(self, seen: Sequence[Pose]) -> str:
        """How an object that is out of sight was leaving the box, in words; empty if it was not.

        It was if, gone on for `WAY_OUT` s as it moved when seen last, it would have been beyond the
        box or no further than `EDGE` within it.

        Args:
            seen: its last poses, the newest last; three of them even out what sees it.
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
        """How far within the box an offset is, m; below 0 where it is outside."""
        return float(np.minimum(offset - self._low, self._high - offset).min())
