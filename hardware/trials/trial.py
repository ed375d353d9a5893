"""One trial: goals in a row until a drop, a time-out, the cap on goals, a fault or a stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from hardware.base import rotations
from hardware.bundle.store import Bundle
from hardware.trials import goals
from hardware.trials.goals import GoalSource
from hardware.trials.palm import Palm

STUCK_ANGLE = 0.2  # rad; `stuck` if the object turned less in the last half of a goal's time
ENDS = ("drop", "time-out", "stuck", "cap", "fault", "stop")


class Result(NamedTuple):
    """The result of a trial.

    Attributes:
        end: one of `ENDS`.
        reason: reason of a fault, a stop, or a drop out of sight; otherwise empty.
        goals: number of goals reached in a row.
        steps: number of control steps.
        steps_to_last_goal: control steps up to the last goal reached; 0 without a goal.
    """

    end: str
    reason: str
    goals: int
    steps: int
    steps_to_last_goal: int


class Trial:
    """Counts goals, as in training, from the object's pose before each control step.

    Args:
        bundle: bundle with thresholds and frames.
        source: source of the goals.
        trial: the trial's number, counted from 0.
        timeout_s: time limit per goal, s.
        on_event: called with a description of each goal reached.
        looks: consecutive control steps in which the object must be seen at its goal.
    """

    def __init__(
        self,
        bundle: Bundle,
        source: GoalSource,
        trial: int,
        timeout_s: float,
        on_event: Callable[[str], None],
        looks: int = 1,
    ):
        task = bundle.contract["task"]
        self._threshold, self._cap = task["goal_threshold"], task["max_goals"]
        self._palm = Palm(bundle)
        self._timeout = round(timeout_s / bundle.control_dt)
        self._dt = bundle.control_dt
        self._source, self._trial, self._event = source, trial, on_event
        self._steps = -1
        self._goal_steps = self._count = self._last = 0
        self._looks, self._near = looks, 0  # needed and counted
        self._since: list[np.ndarray] = []  # orientations since the goal was set
        self.goal = np.array([1.0, 0.0, 0.0, 0.0])
        self.distance = 0.0  # rad, to the goal, as last seen

    @property
    def goals(self) -> int:
        """Number of goals reached."""
        return self._count

    def see(self, position: np.ndarray, orientation: np.ndarray) -> str:
        """Judges the last control step, and sets the next goal when one was reached.

        Args:
            position: the object's position, `[3]` m in `rh_forearm`.
            orientation: the object's orientation, `[4]`.

        Returns:
            How the trial ends, one of `ENDS`; empty while it continues.
        """
        self._steps += 1
        if self._steps == 0:
            self._ask(orientation)
            return ""
        self._since.append(orientation)
        left = goals.distance(self.goal, orientation)
        self._near = self._near + 1 if left < self._threshold else 0
        reached, fell = self._near >= self._looks, not self._palm.holds(position)
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
            end: how the trial ended, one of `ENDS`.
        """
        return Result(end, "", self._count, max(self._steps, 0), self._last)

    def _ask(self, orientation: np.ndarray) -> None:
        """Sets the next goal."""
        self.goal = self._source.draw(self._trial, self._count, orientation)
        self.distance = goals.distance(self.goal, orientation)
        self._since, self._near = [], 0

    def _turned(self) -> float:
        """Largest rotation of the object in the last half of the goal's time, rad."""
        late = np.array(self._since[len(self._since) // 2 :])
        return float(rotations.angle(rotations.multiply(late, rotations.conjugate(late[0]))).max())
