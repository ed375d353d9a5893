"""Assembles the policy's observation from the hand's and the tracker's readings, as in training."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from hardware.base import rotations


@dataclasses.dataclass(frozen=True)
class Readings:
    """Inputs of an observation; positions and orientations are in the frame of `rh_forearm`.

    Attributes:
        joint_angles: `[24]` rad.
        joint_velocities: `[24]` rad/s.
        fingertips: positions of FF, MF, RF, LF and TH, `[5, 3]` m.
        targets: last targets of the actuators, `[20]` rad.
        action_average: average of the unit actions so far, `[20]`.
        position: position of the object's centre, `[3]` m.
        orientation: the object's orientation, `[4]`.
        goal: goal orientation, `[4]`.
    """

    joint_angles: np.ndarray
    joint_velocities: np.ndarray
    fingertips: np.ndarray
    targets: np.ndarray
    action_average: np.ndarray
    position: np.ndarray
    orientation: np.ndarray
    goal: np.ndarray


def relative_goal(goal: np.ndarray, orientation: np.ndarray) -> np.ndarray:
    """The rotation from the orientation to the goal, `goal * conj(orientation)`, `[4]`, w >= 0."""
    return rotations.canonical(rotations.multiply(goal, rotations.conjugate(orientation)))


def facing(orientation: np.ndarray) -> np.ndarray:
    """A cube's orientation up to its symmetries, `[9]`.

    Sums over the columns of the rotation matrix: of x^4 for each row x, and of x^3 y for each pair
    of rows x, y. The 24 rotations that map a cube onto itself do not change them.
    """
    rows = rotations.matrix(orientation)
    return ((rows**3) @ rows.T).ravel()


_PARTS: dict[str, Callable[[Readings], np.ndarray]] = {
    "fingertips": lambda r: r.fingertips.ravel(),
    "object_position": lambda r: r.position,
    "relative_goal": lambda r: relative_goal(r.goal, r.orientation),
    "joint_angles": lambda r: r.joint_angles,
    "joint_velocities": lambda r: r.joint_velocities,
    "targets": lambda r: r.targets,
    "action_average": lambda r: r.action_average,
    "relative_goal_matrix": lambda r: rotations.matrix(
        relative_goal(r.goal, r.orientation)
    ).ravel(),
    "facing": lambda r: facing(r.orientation),
}
NAMES = tuple(_PARTS)


def assemble(parts: list[str], readings: Readings) -> np.ndarray:
    """Concatenates the named parts of the observation.

    Args:
        parts: names out of `NAMES`, in the bundle's order.
        readings: readings of this control step.

    Returns:
        The observation, `[size]` float32.
    """
    return np.concatenate([_PARTS[name](readings) for name in parts]).astype(np.float32)
