"""From logits to bins, and from bins to targets of the actuators, bit for bit as in training."""

from __future__ import annotations

import numpy as np


def most_probable(logits: np.ndarray) -> np.ndarray:
    """The most probable bin of every actuator, `[20]`, of logits `[bin, 20]`."""
    return np.argmax(logits, axis=0)


def sample(logits: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Draws a bin for every actuator by inverting the cumulative distribution.

    Args:
        logits: `[bin, 20]`.
        uniform: `[20]`, uniform in [0, 1).

    Returns:
        `[20]` int.
    """
    weights = np.exp(logits - logits.max(axis=0))
    cumulative = np.cumsum(weights / weights.sum(axis=0), axis=0)
    return np.sum(cumulative[:-1] <= uniform * cumulative[-1], axis=0)


class ActionMap:
    """What a bin means: a share of half the actuator's range, about its angle or the middle.

    The target is clipped to the range and enters by an exponential moving average. Compiled, the
    training code rounds each product and the sum after it once; float64 does the same here, so that
    targets are equal in every bit.

    Args:
        mode: `relative` (about the actuator's angle now) or `absolute` (about its range's middle).
        bins: how many there are; odd.
        smoothing: share of a new target in the average.
        limits: `[20, 2]` rad.
        coupling: `[20, 24]`, actuator angles of joint angles.
    """

    def __init__(
        self, mode: str, bins: int, smoothing: float, limits: np.ndarray, coupling: np.ndarray
    ):
        self._middle = np.float32(bins // 2)
        self._relative = mode == "relative"
        self._smoothing = np.float32(smoothing)
        self._low, self._high = limits.astype(np.float32).T
        self._coupling = coupling

    def targets(
        self, action: np.ndarray, joint_angles: np.ndarray, previous: np.ndarray
    ) -> np.ndarray:
        """The targets of the coming control step.

        Args:
            action: bins, `[20]`.
            joint_angles: `[24]` rad.
            previous: the targets of the last step, `[20]` rad.

        Returns:
            `[20]` rad, float32.
        """
        low, high = self._low, self._high
        half_share = (action.astype(np.float32) - self._middle) / self._middle * np.float32(0.5)
        if self._relative:
            centre = (self._coupling @ joint_angles.astype(np.float32)).astype(np.float32)
        else:
            centre = np.float32(0.5) * (low + high)
        target = centre + half_share.astype(np.float64) * (high - low)
        target = np.clip(target.astype(np.float32), low, high)
        previous = previous.astype(np.float32)
        change = (target - previous).astype(np.float64) * self._smoothing
        return (previous + change).astype(np.float32)
