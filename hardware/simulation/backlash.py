"""Backlash between motors and tendons, as in training."""

from __future__ import annotations

import numpy as np


class Backlash:
    """Backlash as in `randomization.actuation`: a motor turns before its tendon pulls.

    Args:
        rates: rates at which actuators take up their backlash on the way down and up, `[20, 2]`
            1/(rad s); 0 for an actuator without backlash.
        period: time between commands, s.
    """

    def __init__(self, rates: np.ndarray, period: float):
        self._down, self._up = rates.T
        self._period = period
        self.position = np.zeros(len(rates))  # of each actuator within its backlash, -1..1

    def pass_on(self, targets: np.ndarray, angles: np.ndarray) -> np.ndarray:
        """Targets that reach the tendons, `[20]` rad, given targets and angles, `[20]` rad."""
        way = targets - angles
        motion = way * np.where(way < 0, self._down, self._up) * self._period
        gap = np.abs(np.sign(way) - self.position)
        lost = np.clip(gap / (np.abs(motion) + 1e-12), 0, 1)
        self.position = np.clip(self.position + motion, -1, 1)
        return targets - np.where(self._down > 0, lost, 0) * way
