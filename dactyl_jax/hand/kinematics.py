"""Fingertip poses from joint angles: the hand's forward kinematics, without a simulator."""

import dataclasses

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jax.typing import ArrayLike

from dactyl_jax.hand import rotations
from dactyl_jax.hand.layout import FINGERTIPS, JOINTS


@dataclasses.dataclass(frozen=True)
class Chain:
    """Bodies from `rh_forearm` to each fingertip; row i is step i of all five digits.

    Digits with fewer links than the thumb start with identity steps.

    Attributes:
        position: [step, 5, 3] m, origin of a body's frame in its parent's.
        quaternion: [step, 5, 4], orientation of a body's frame in its parent's.
        axis: [step, 5, 3], axis of the body's joint, in the body's frame.
        joint: [step, 5], index of that joint in `JOINTS`.
        tip: [5, 3] m, fingertip site in the last body's frame.
    """

    position: np.ndarray
    quaternion: np.ndarray
    axis: np.ndarray
    joint: np.ndarray
    tip: np.ndarray


def chain(model: mujoco.MjModel) -> Chain:
    """Builds the chain of `model`'s hand. Each of its moving bodies has one hinge at its origin."""
    paths = [_path(model, model.site(name).bodyid[0]) for name in FINGERTIPS]
    shape = (max(map(len, paths)), len(paths))
    table = Chain(
        position=np.zeros((*shape, 3)),
        quaternion=np.tile([1.0, 0, 0, 0], (*shape, 1)),
        axis=np.zeros((*shape, 3)),
        joint=np.zeros(shape, int),
        tip=np.array([model.site(name).pos for name in FINGERTIPS]),
    )
    for digit, path in enumerate(paths):
        for step, body in enumerate(path, start=shape[0] - len(path)):
            joint = model.body_jntadr[body]
            table.position[step, digit] = model.body_pos[body]
            table.quaternion[step, digit] = model.body_quat[body]
            table.axis[step, digit] = model.jnt_axis[joint]
            table.joint[step, digit] = JOINTS.index(model.joint(joint).name)
    return table


def fingertip_poses(chain: Chain, joint_angles: ArrayLike) -> tuple[jax.Array, jax.Array]:
    """Poses of the fingertips FF, MF, RF, LF, TH in the frame of `rh_forearm`.

    Args:
        chain: from `chain(model)`.
        joint_angles: [..., 24] rad, in the order of `JOINTS`.

    Returns:
        Positions of the tips, [..., 5, 3] m, and orientations of the distal links, [..., 5, 4].
    """
    angles = jnp.asarray(joint_angles, jnp.float32)
    batch = angles.shape[:-1]
    offsets, quaternions, axes, tip = (
        jnp.asarray(table, jnp.float32)
        for table in (chain.position, chain.quaternion, chain.axis, chain.tip)
    )
    turns = rotations.multiply(
        quaternions, rotations.from_axis_angle(axes, angles[..., chain.joint])
    )

    # From the fingertips up to the forearm, all digits in parallel. This is a loop because the
    # compiler would fuse unrolled steps into one expression and compile it slowly.
    def ascend(pose, step):
        (position, orientation), (offset, turn) = pose, step
        position = offset + rotations.rotate(turn, position)
        return (position, rotations.multiply(turn, orientation)), None

    start = (
        jnp.broadcast_to(tip, (*batch, 5, 3)),
        jnp.broadcast_to(jnp.array([1.0, 0.0, 0.0, 0.0]), (*batch, 5, 4)),
    )
    steps = (offsets, jnp.moveaxis(turns, -3, 0))
    (tips, links), _ = jax.lax.scan(ascend, start, steps, reverse=True)
    # An identity step has no axis: its quaternion leaves vectors unchanged but is not normalised.
    return tips, links / jnp.linalg.norm(links, axis=-1, keepdims=True)


def _path(model: mujoco.MjModel, body: int) -> list[int]:
    """Bodies from below the forearm to `body`."""
    path: list[int] = []
    forearm = model.body("rh_forearm").id
    while body != forearm:
        path.insert(0, body)
        body = model.body_parentid[body]
    return path
