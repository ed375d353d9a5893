"""Play between motors and tendons, as training has it."""

from __future__ import annotations

import numpy as np


class Backlash:
    """Backlash, as `randomization.actuation` has it: a motor turns before its tendon pulls.

    Args:
        rates: at which actuators take up their play on the way down and up, `[20, 2]` 1/(rad s); 0
            for an actuator without play.
        period: s between commands.
    """

    def __init__(self, rates: np.ndarray, period: float):
        self._down, self._up = rates.T
        self._period = period
        self.position = np.zeros(len(rates))  # of each actuator in its play, -1..1

    def pass_on(self, targets: np.ndarray, angles: np.ndarray) -> np.ndarray:
        """What becomes of new targets `[20]` rad, the actuators being at `angles` `[20]` rad."""
        way = targets - angles
        motion = way * np.where(way < 0, self._down, self._up) * self._period
        gap = np.abs(np.sign(way) - self.position)
        lost = np.clip(gap / (np.abs(motion) + 1e-12), 0, 1)
        self.position = np.clip(self.position + motion, -1, 1)
        return targets - np.where(self._down > 0, lost, 0) * way
