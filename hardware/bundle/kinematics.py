"""Fingertip positions from joint angles, by the table that a bundle carries."""

from __future__ import annotations

import dataclasses

import numpy as np

from hardware.base import rotations


@dataclasses.dataclass(frozen=True)
class Chain:
    """The bodies from `rh_forearm` to each fingertip; row i is step i of all five digits.

    Digits with fewer links than the thumb's begin with steps that do nothing.

    Attributes:
        position: `[step, 5, 3]` m, a body's frame in its parent's.
        quaternion: `[step, 5, 4]`, its orientation there.
        axis: `[step, 5, 3]`, the axis of the body's joint, in the body's frame.
        joint: `[step, 5]`, which of the bundle's joints that is.
        tip: `[5, 3]` m, the fingertip in the last body's frame.
    """

    position: np.ndarray
    quaternion: np.ndarray
    axis: np.ndarray
    joint: np.ndarray
    tip: np.ndarray


def fingertips(chain: Chain, joint_angles: np.ndarray) -> np.ndarray:
    """Positions of FF, MF, RF, LF and TH in the frame of `rh_forearm`.

    Args:
        chain: the hand's table.
        joint_angles: `[..., 24]` rad, in the bundle's order.

    Returns:
        `[..., 5, 3]` m.
    """
    turns = rotations.multiply(
        chain.quaternion, rotations.from_axis_angle(chain.axis, joint_angles[..., chain.joint])
    )
    tips = chain.tip
    for step in reversed(range(len(chain.joint))):
        tips = chain.position[step] + rotations.rotate(turns[..., step, :, :], tips)
    return tips
