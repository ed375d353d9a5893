"""The orientations that are asked for, one after the other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hardware import rotations

NEAR = 0.9  # rad, the largest angle of a near goal
DISTRIBUTIONS = ("near", "uniform")


def draw(
    distribution: str, nearest: float, seed: int, trial: int
) -> Callable[[int, np.ndarray], np.ndarray]:
    """The goals of a trial, by seed, trial and number alone.

    Args:
        distribution: `near`, `nearest` to `NEAR` rad from the object's orientation about a
            uniformly random axis, or `uniform` over all orientations.
        nearest: rad.
        seed, trial: whole numbers from 0 on.

    Returns:
        A function of a goal's number and the object's orientation now, `[4]`, to a goal `[4]` in
        the same frame, with w >= 0.
    """

    def goal(number: int, orientation: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng([seed, trial, number])
        if distribution == "uniform":
            direction = rng.normal(size=4)
            return rotations.canonical(direction / np.linalg.norm(direction))
        axis = rng.normal(size=3)
        angle = np.array(rng.uniform(nearest, NEAR))
        turn = rotations.from_axis_angle(axis / np.linalg.norm(axis), angle)
        return rotations.canonical(rotations.multiply(turn, orientation))

    return goal


def distance(goal: np.ndarray, orientation: np.ndarray) -> float:
    """Angle of the one rotation that takes `orientation` to `goal`, both `[4]`, rad."""
    return float(rotations.angle(rotations.multiply(goal, rotations.conjugate(orientation))))
