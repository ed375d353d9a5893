"""One trial: goals in a row until a drop, a time-out, the cap of goals or a fault."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from hardware.trials import goals
from hardware.base import rotations
from hardware.bundle.store import Bundle
from hardware.base.messages import Pose

STUCK_ANGLE = 0.2  # rad; a goal times out `stuck` when the object turned less in its last half
WAY_OUT, EDGE = 0.2, 0.015  # s, m; an object that nears the edge so and is not seen is dropped
ENDS = ("drop", "time-out", "stuck", "cap", "fault", "stop")


class Result(NamedTuple):
    """What became of a trial.

    Attributes:
        end: one of `ENDS`.
        reason: of a fault, a stop, or a drop that nobody saw the end of, in words; else empty.
        goals: reached in a row.
        steps: control steps that it took.
        steps_to_last_goal: control steps up to its last goal; 0 without a goal.
    """

    end: str
    reason: str
    goals: int
    steps: int
    steps_to_last_goal: int


class Trial:
    """Counts goals, as training does, by what is seen of the object before each control step.

    Args:
        bundle: thresholds and frames.
        goal: the goal of a number, given the object's orientation, see `goals.draw`.
        timeout_s: that a goal may take.
        on_event: told about goals that are reached, in words.
    """

    def __init__(
        self,
        bundle: Bundle,
        goal: Callable[[int, np.ndarray], np.ndarray],
        timeout_s: float,
        on_event: Callable[[str], None],
    ):
        task = bundle.contract["task"]
        self._threshold, self._cap = task["goal_threshold"], task["max_goals"]
        self._palm = Palm(bundle)
        self._timeout = round(timeout_s / bundle.control_dt)
        self._dt = bundle.control_dt
        self._draw, self._event = goal, on_event
        self._steps = -1
        self._goal_steps = self._count = self._last = 0
        self._since: list[np.ndarray] = []  # orientations since the goal was set
        self.goal = np.array([1.0, 0.0, 0.0, 0.0])
        self.distance = 0.0  # rad, to the goal, as last seen

    @property
    def goals(self) -> int:
        """How many were reached."""
        return self._count

    def see(self, position: np.ndarray, orientation: np.ndarray) -> str:
        """Takes note of what the last control step did, and sets the next goal when it is time.

        Args:
            position: of the object, `[3]` m in `rh_forearm`.
            orientation: `[4]`.

        Returns:
            How the trial ends, one of `ENDS`, or nothing while it goes on.
        """
        self._steps += 1
        if self._steps == 0:
            self._ask(orientation)
            return ""
        self._since.append(orientation)
        left = goals.distance(self.goal, orientation)
        reached, fell = left < self._threshold, not self._palm.holds(position)
        self._count += reached
        self._goal_steps = 0 if reached else self._goal_steps + 1
        if reached:
            took = (self._steps - self._last) * self._dt
            self._last = self._steps
            self._event(f"goal {self._count} reached in {took:.1f} s, {left:.2f} rad off")
        if fell:
            return "drop"
        if self._goal_steps >= self._timeout:
            return "stuck" if self._turned() < STUCK_ANGLE else "time-out"
        if self._count >= self._cap:
            return "cap"
        if reached:
            self._ask(orientation)
        else:
            self.distance = left
        return ""

    def result(self, end: str) -> Result:
        """The trial's result so far, without a reason.

        Args:
            end: how it ended.
        """
        return Result(end, "", self._count, max(self._steps, 0), self._last)

    def _ask(self, orientation: np.ndarray) -> None:
        """Sets the next goal."""
        self.goal = self._draw(self._count, orientation)
        self.distance = goals.distance(self.goal, orientation)
        self._since = []

    def _turned(self) -> float:
        """How far the object turned from where it was, at most, in the last half of a goal, rad."""
        late = np.array(self._since[len(self._since) // 2 :])
        return float(rotations.angle(rotations.multiply(late, rotations.conjugate(late[0]))).max())


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
