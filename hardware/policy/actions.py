"""From logits to bins, and from bins to targets of the actuators, bit for bit as in training."""

from __future__ import annotations

from typing import NamedTuple, Protocol

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


class Chooser(Protocol):
    """Whoever chooses actions of a policy's logits."""

    def begin(self, trial: int) -> None:
        """A trial begins; its number is from 0 on."""

    def choose(self, logits: np.ndarray) -> np.ndarray:
        """Bins `[20]` of logits `[bin, 20]`."""


class MostProbable:
    """Chooses the most probable bins."""

    def begin(self, trial: int) -> None:
        """See `Chooser`; all trials are alike."""

    def choose(self, logits: np.ndarray) -> np.ndarray:
        """See `Chooser`."""
        return most_probable(logits)


class Sampled:
    """Samples bins, as in training; a trial's draws depend on seed and trial alone.

    Args:
        seed: a whole number from 0 on.
    """

    def __init__(self, seed: int):
        self._seed = seed

    def begin(self, trial: int) -> None:
        """See `Chooser`."""
        self._rng = np.random.default_rng([self._seed, trial, 2**31])

    def choose(self, logits: np.ndarray) -> np.ndarray:
        """See `Chooser`."""
        return sample(logits, self._rng.uniform(size=(logits.shape[1],)))


class Average(NamedTuple):
    """An exponential moving average of unit actions since a trial's start, corrected for bias.

    Attributes:
        value: `[20]` float32; 0 before the first action.
        weight: of all actions so far, `[]` float32; 0 before the first one, 1 in the long run.
    """

    value: np.ndarray
    weight: np.float32


class ActionMap:
    """What bins mean: unit actions in -1..1, which ask for targets of the actuators.

    A target is a share of half the actuator's range, about its angle or the middle, and clipped to
    the range. Where actions are smoothed, the share is their exponential moving average; where
    targets are, it is the unit action, and a share of the targets before is kept. Compiled, the
    training code rounds each product and the sum after it once; float64 does the same here, so
    that averages and targets are equal in every bit.

    Args:
        mode: `relative` (about the actuator's angle now) or `absolute` (about its range's middle).
        bins: how many there are; odd.
        smoothed: `action` or `target`, what the moving average is of.
        kept: share that the average keeps in one control step, in [0, 1).
        limits: `[20, 2]` rad.
        coupling: `[20, 24]`, actuator angles of joint angles.
    """

    def __init__(
        self,
        mode: str,
        bins: int,
        smoothed: str,
        kept: float,
        limits: np.ndarray,
        coupling: np.ndarray,
    ):
        self._middle = np.float32(bins // 2)
        self._relative, self._averages = mode == "relative", smoothed == "action"
        self._kept, self._new = np.float32(kept), np.float32(1 - kept)
        self._low, self._high = limits.astype(np.float32).T
        self._coupling = coupling

    def begin(self) -> Average:
        """The average at a trial's start; it stays so where targets are smoothed."""
        return Average(np.zeros(len(self._coupling), np.float32), np.float32(0))

    def step(
        self,
        action: np.ndarray,
        joint_angles: np.ndarray,
        previous: np.ndarray,
        average: Average,
    ) -> tuple[np.ndarray, Average]:
        """The targets of the coming control step, and the average with this action in it.

        Args:
            action: bins, `[20]`.
            joint_angles: `[24]` rad.
            previous: the targets of the last step, `[20]` rad.
            average: of the actions before.

        Returns:
            Targets `[20]` rad, float32, and the average.
        """
        unit = (action.astype(np.float32) - self._middle) / self._middle
        if self._averages:
            average = self._averaged(average, unit)
            return self._targets(average.value, joint_angles), average
        target, previous = self._targets(unit, joint_angles), previous.astype(np.float32)
        change = (target - previous).astype(np.float64) * self._new
        return (previous + change).astype(np.float32), average

    def _averaged(self, before: Average, unit: np.ndarray) -> Average:
        """The average after one more unit action `[20]`."""
        weight = np.float32(np.float64(self._kept) * before.weight + self._new)
        change = (unit - before.value).astype(np.float64) * (self._new / weight)
        return Average((before.value + change).astype(np.float32), weight)

    def _targets(self, share: np.ndarray, joint_angles: np.ndarray) -> np.ndarray:
        """Targets `[20]` rad, float32, for shares of half the ranges, `[20]` float32."""
        low, high = self._low, self._high
        if self._relative:
            centre = (self._coupling @ joint_angles.astype(np.float32)).astype(np.float32)
        else:
            centre = np.float32(0.5) * (low + high)
        half_share = (share * np.float32(0.5)).astype(np.float64)
        return np.clip((centre + half_share * (high - low)).astype(np.float32), low, high)
