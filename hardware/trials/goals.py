"""Goal orientations."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from hardware.base import rotations

NEAR = 0.9  # rad, the largest angle of a near goal
DISTRIBUTIONS = ("near", "uniform", "aligned")
_NORMAL = np.array([1.0, 0.0, 0.0])  # of the palm, in `rh_forearm`
# Rotations (axis, angle) that turn each face of a block towards the palm's normal.
_UPRIGHT = (
    *((_NORMAL, 0.0), (np.array([0.0, 0.0, 1.0]), np.pi)),
    *((np.array([0.0, 0.0, 1.0]), turn) for turn in (-np.pi / 2, np.pi / 2)),
    *((np.array([0.0, 1.0, 0.0]), turn) for turn in (np.pi / 2, -np.pi / 2)),
)


class GoalSource(Protocol):
    """A source of goal orientations."""

    def draw(self, trial: int, number: int, orientation: np.ndarray) -> np.ndarray:
        """Draws the next goal of a trial.

        Args:
            trial: the trial's number, counted from 0.
            number: number of goals reached in it so far.
            orientation: the object's present orientation, `[4]`.

        Returns:
            The goal, `[4]` with w >= 0, in the same frame, that of `rh_forearm`.
        """


class RandomGoals:
    """Random goals; each draw depends only on the seed, the trial and the number of the goal.

    Args:
        distribution: one of `DISTRIBUTIONS`. `near`: `nearest` to `NEAR` rad from the object's
            orientation about a uniformly random axis. `uniform`: uniform over all orientations.
            `aligned`: one of the 24 upright poses of a block on the palm, rotated by a uniform
            angle about the palm's normal.
        nearest: smallest angle of a near goal, rad.
        seed: seed of the draws, an integer of at least 0.
    """

    def __init__(self, distribution: str, nearest: float, seed: int):
        self._distribution, self._nearest, self._seed = distribution, nearest, seed

    def draw(self, trial: int, number: int, orientation: np.ndarray) -> np.ndarray:
        """See `GoalSource`."""
        rng = np.random.default_rng([self._seed, trial, number])
        if self._distribution == "uniform":
            direction = rng.normal(size=4)
            return rotations.canonical(direction / np.linalg.norm(direction))
        if self._distribution == "aligned":
            return _aligned(rng)
        axis = rng.normal(size=3)
        angle = np.array(rng.uniform(self._nearest, NEAR))
        turn = rotations.from_axis_angle(axis / np.linalg.norm(axis), angle)
        return rotations.canonical(rotations.multiply(turn, orientation))


def _aligned(rng: np.random.Generator) -> np.ndarray:
    """A random upright pose, `[4]`: one of six faces up, then any angle about the normal."""
    axis, turn = _UPRIGHT[rng.integers(len(_UPRIGHT))]
    upright = rotations.from_axis_angle(axis, np.array(turn))
    yaw = rotations.from_axis_angle(_NORMAL, np.array(rng.uniform(0, 2 * np.pi)))
    return rotations.canonical(rotations.multiply(yaw, upright))


def distance(goal: np.ndarray, orientation: np.ndarray) -> float:
    """Angle of the rotation from `orientation` to `goal`, both `[4]`, rad."""
    return float(rotations.angle(rotations.multiply(goal, rotations.conjugate(orientation))))
