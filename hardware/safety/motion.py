"""Timing of commands, and slow motions between postures."""

from __future__ import annotations

import numpy as np

BLEND_RATE = 0.5  # rad/s, largest rate of any actuator during such a motion
LEAST_PERIOD = 0.9  # least time between two commands, as a share of the control step


def next_due(due: float, now: float, period: float) -> float:
    """Returns the time at which the next command is due, s.

    This is one period after the present one was due. After a late command the rhythm restarts:
    missed commands are not made up for in a burst, and the time between two commands always allows
    the largest move within the rate limits.

    Args:
        due: time at which the present command was due, s.
        now: present time, s.
        period: control step, s.
    """
    return max(due + period, now + LEAST_PERIOD * period)


def blend(start: np.ndarray, goal: np.ndarray, elapsed: float) -> np.ndarray:
    """Targets, `[20]` rad, on the straight line between postures, at `BLEND_RATE` at most.

    Args:
        start, goal: postures, `[20]` rad.
        elapsed: time since the start, s.
    """
    duration = np.abs(goal - start).max() / BLEND_RATE
    return start + (goal - start) * min(elapsed / max(duration, 1e-9), 1.0)
