"""The orientations that are asked for, one after the other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hardware.base import rotations

NEAR = 0.9  # rad, the largest angle of a near goal
DISTRIBUTIONS = ("near", "uniform", "aligned")
_NORMAL = np.array([1.0, 0.0, 0.0])  # of the palm, in `rh_forearm`
# Turns that bring each face of a block, in its own frame, to where the palm's normal points, by
# axis and angle.
_UPRIGHT = (
    *((_NORMAL, 0.0), (np.array([0.0, 0.0, 1.0]), np.pi)),
    *((np.array([0.0, 0.0, 1.0]), turn) for turn in (-np.pi / 2, np.pi / 2)),
    *((np.array([0.0, 1.0, 0.0]), turn) for turn in (np.pi / 2, -np.pi / 2)),
)


def draw(
    distribution: str, nearest: float, seed: int, trial: int
) -> Callable[[int, np.ndarray], np.ndarray]:
    """The goals of a trial, by seed, trial and number alone.

    Args:
        distribution: `near`, `nearest` to `NEAR` rad from the object's orientation about a
            uniformly random axis, `uniform` over all orientations, or `aligned`: one of the 24
            upright poses of a block on the palm, turned by a uniform angle about the palm's normal.
        nearest: rad.
        seed, trial: whole numbers from 0 on.

    Returns:
        A function of a goal's number and the object's orientation now, `[4]`, to a goal `[4]` in
        the same frame, that of `rh_forearm`, with w >= 0.
    """

    def goal(number: int, orientation: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng([seed, trial, number])
        if distribution == "uniform":
            direction = rng.normal(size=4)
            return rotations.canonical(direction / np.linalg.norm(direction))
        if distribution == "aligned":
            return _aligned(rng)
        axis = rng.normal(size=3)
        angle = np.array(rng.uniform(nearest, NEAR))
        turn = rotations.from_axis_angle(axis / np.linalg.norm(axis), angle)
        return rotations.canonical(rotations.multiply(turn, orientation))

    return goal


def _aligned(rng: np.random.Generator) -> np.ndarray:
    """An upright pose, `[4]`; the angle about the normal holds the quarter turns of the 24."""
    axis, turn = _UPRIGHT[rng.integers(len(_UPRIGHT))]
    upright = rotations.from_axis_angle(axis, np.array(turn))
    yaw = rotations.from_axis_angle(_NORMAL, np.array(rng.uniform(0, 2 * np.pi)))
    return rotations.canonical(rotations.multiply(yaw, upright))


def distance(goal: np.ndarray, orientation: np.ndarray) -> float:
    """Angle of the one rotation that takes `orientation` to `goal`, both `[4]`, rad."""
    return float(rotations.angle(rotations.multiply(goal, rotations.conjugate(orientation))))
