"""Turns logits into bins, and bins into actuator targets, bit for bit as in training."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np


def most_probable(logits: np.ndarray) -> np.ndarray:
    """The most probable bin of each actuator, `[20]`, given logits `[bin, 20]`."""
    return np.argmax(logits, axis=0)


def sample(logits: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Draws a bin for each actuator by inverting the cumulative distribution.

    Args:
        logits: `[bin, 20]`.
        uniform: random numbers, uniform in [0, 1), `[20]`.

    Returns:
        Bins, `[20]` int.
    """
    weights = np.exp(logits - logits.max(axis=0))
    cumulative = np.cumsum(weights / weights.sum(axis=0), axis=0)
    return np.sum(cumulative[:-1] <= uniform * cumulative[-1], axis=0)


class Chooser(Protocol):
    """Chooses actions from a policy's logits."""

    def begin(self, trial: int) -> None:
        """Prepares for a trial, given its number, counted from 0."""

    def choose(self, logits: np.ndarray) -> np.ndarray:
        """Chooses bins `[20]` from logits `[bin, 20]`."""


class MostProbable:
    """Chooses the most probable bins."""

    def begin(self, trial: int) -> None:
        """Does nothing; all trials are alike."""

    def choose(self, logits: np.ndarray) -> np.ndarray:
        """See `Chooser`."""
        return most_probable(logits)


class Sampled:
    """Samples bins, as in training; a trial's draws depend only on the seed and its number.

    Args:
        seed: seed of the draws, an integer of at least 0.
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
    """Exponential moving average of unit actions since a trial's start, corrected for bias.

    Attributes:
        value: the average, `[20]` float32; 0 before the first action.
        weight: total weight of the actions so far, `[]` float32; 0 before the first, tends to 1.
    """

    value: np.ndarray
    weight: np.float32


class ActionMap:
    """Maps bins to unit actions in -1..1, and these to actuator targets.

    A target is a centre plus a share of half the actuator's range, clipped to the range. If actions
    are smoothed, the share is their exponential moving average. If targets are smoothed, the share
    is the unit action, and the new target is a moving average of targets.

    The compiled training code rounds once after a product and the sum that follows it. Computing
    both in float64 does the same here, so averages and targets agree in every bit.

    Args:
        mode: centre of the target: `relative`, the actuator's present angle, or `absolute`, the
            middle of its range.
        bins: number of bins; odd.
        smoothed: the smoothed quantity, `action` or `target`.
        kept: share of its old value that the average keeps in one control step, in [0, 1).
        limits: lowest and highest targets, `[20, 2]` rad.
        coupling: matrix from joint angles to actuator angles, `[20, 24]`.
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
        """The average at a trial's start; it never changes if targets are smoothed."""
        return Average(np.zeros(len(self._coupling), np.float32), np.float32(0))

    def step(
        self,
        action: np.ndarray,
        joint_angles: np.ndarray,
        previous: np.ndarray,
        average: Average,
    ) -> tuple[np.ndarray, Average]:
        """Computes the targets of the coming control step and updates the average.

        Args:
            action: bins, `[20]`.
            joint_angles: `[24]` rad.
            previous: targets of the last step, `[20]` rad.
            average: average of the earlier actions.

        Returns:
            Targets `[20]` rad, float32, and the average that includes this action.
        """
        unit = (action.astype(np.float32) - self._middle) / self._middle
        if self._averages:
            average = self._averaged(average, unit)
            return self._targets(average.value, joint_angles), average
        target, previous = self._targets(unit, joint_angles), previous.astype(np.float32)
        change = (target - previous).astype(np.float64) * self._new
        return (previous + change).astype(np.float32), average

    def _averaged(self, before: Average, unit: np.ndarray) -> Average:
        """The average that includes one more unit action `[20]`."""
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
