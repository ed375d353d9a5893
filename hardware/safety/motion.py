"""When commands are due, and the slow way from a posture to another."""

from __future__ import annotations

import numpy as np

BLEND_RATE = 0.5  # rad/s, of any actuator on its way to a posture
LEAST_PERIOD = 0.9  # share of a control step that passes between two commands at least


def next_due(due: float, now: float, period: float) -> float:
    """When the next command is due, s: a period after this one was, unless that is too soon.

    After a late one the rhythm starts anew. What was missed is not made up for in a burst, and
    between commands is the time in which the fastest rates allow for the largest one.

    Args:
        due: when this command was, s.
        now: when it is done, s.
        period: s.
    """
    return max(due + period, now + LEAST_PERIOD * period)


def blend(start: np.ndarray, goal: np.ndarray, elapsed: float) -> np.ndarray:
    """Targets on the straight way from a posture to another, no actuator above `BLEND_RATE`.

    Args:
        start, goal: `[20]` rad.
        elapsed: s since the start.
    """
    duration = np.abs(goal - start).max() / BLEND_RATE
    return start + (goal - start) * min(elapsed / max(duration, 1e-9), 1.0)
