"""What the policy sees, assembled as in training from what the hand and the cameras report."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from hardware.base import rotations


@dataclasses.dataclass(frozen=True)
class Readings:
    """All that an observation is made of; positions and orientations in the `rh_forearm` frame.

    Attributes:
        joint_angles: `[24]` rad.
        joint_velocities: `[24]` rad/s.
        fingertips: FF, MF, RF, LF, TH, `[5, 3]` m.
        targets: the last targets of the actuators, `[20]` rad.
        action_average: of the unit actions so far, `[20]`.
        position: of the object's centre, `[3]` m.
        orientation: of the object, `[4]`.
        goal: the orientation asked for, `[4]`.
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
    """The rotation that is left to do, `goal * conj(orientation)`, `[4]` with w >= 0."""
    return rotations.canonical(rotations.multiply(goal, rotations.conjugate(orientation)))


def facing(orientation: np.ndarray) -> np.ndarray:
    """How a cube stands, whichever face is which, `[9]`.

    With x, y, z the rows of the rotation matrix: the sums over its columns of x^4 and of x^3 y, for
    each row and pair of rows. The 24 turns of a cube onto itself leave them as they are.
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
    """The observation: the named parts, side by side.

    Args:
        parts: of `NAMES`, in the order of the bundle's layout.
        readings: at this control step.

    Returns:
        `[size]` float32.
    """
    return np.concatenate([_PARTS[name](readings) for name in parts]).astype(np.float32)
