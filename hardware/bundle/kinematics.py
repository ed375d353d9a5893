"""Forward kinematics: fingertip positions from joint angles and a bundle's kinematic table."""

from __future__ import annotations

import dataclasses

import numpy as np

from hardware.base import rotations


@dataclasses.dataclass(frozen=True)
class Chain:
    """The bodies from `rh_forearm` to each fingertip; row i holds body i of all five digits.

    Digits with fewer bodies begin with rows that do nothing.

    Attributes:
        position: position of each body's frame in its parent's, `[body, 5, 3]` m.
        quaternion: its orientation in its parent's, `[body, 5, 4]`.
        axis: axis of the body's joint in the body's frame, `[body, 5, 3]`.
        joint: index of that joint among the bundle's joints, `[body, 5]`.
        tip: position of the fingertip in the last body's frame, `[5, 3]` m.
    """

    position: np.ndarray
    quaternion: np.ndarray
    axis: np.ndarray
    joint: np.ndarray
    tip: np.ndarray


def fingertips(chain: Chain, joint_angles: np.ndarray) -> np.ndarray:
    """Positions of the fingertips FF, MF, RF, LF and TH in the frame of `rh_forearm`.

    Args:
        chain: the hand's kinematic table.
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
