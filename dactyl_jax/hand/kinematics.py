"""Fingertip positions from joint angles, for every engine and for the robot alike."""

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
    """The bodies from the forearm to each fingertip, one level of the tree a row.

    Shorter fingers are filled up at the end with bodies that do not move.

    Attributes:
        offset: [level, 5, 3] m, origin of each body in its parent's frame.
        orientation: [level, 5, 4], its orientation there at joint angle zero.
        axis: [level, 5, 3], its hinge's axis in its own frame.
        joint: [level, 5], the hinge's number in `JOINTS`; 24 for none.
        tip: [5, 3] m, the fingertip in the frame of the last body.
    """

    offset: np.ndarray
    orientation: np.ndarray
    axis: np.ndarray
    joint: np.ndarray
    tip: np.ndarray


def chain(model: mujoco.MjModel) -> Chain:
    """Reads the chains of a model's five fingertips."""
    sites = [model.site(name) for name in FINGERTIPS]
    fingers = [_path(model, site.bodyid[0]) for site in sites]
    shape = (max(map(len, fingers)), len(fingers))
    offset, axis = np.zeros((2, *shape, 3), np.float32)
    orientation = np.tile(np.array([1.0, 0.0, 0.0, 0.0], np.float32), (*shape, 1))
    joint = np.full(shape, len(JOINTS))
    for number, bodies in enumerate(fingers):
        for level, body in enumerate(bodies):
            hinge = model.joint(model.body_jntadr[body])
            offset[level, number] = model.body_pos[body]
            orientation[level, number] = model.body_quat[body]
            axis[level, number] = hinge.axis
            joint[level, number] = JOINTS.index(hinge.name)
    tip = np.array([site.pos for site in sites], np.float32)
    return Chain(offset, orientation, axis, joint, tip)


def fingertip_positions(chain: Chain, joint_angles: ArrayLike) -> jax.Array:
    """Positions of the fingertips in the frame of `rh_forearm`.

    Args:
        chain: from `chain(model)`.
        joint_angles: [..., 24] rad, in the order of `JOINTS`.

    Returns:
        [..., 5, 3] m, in the order of `FINGERTIPS`.
    """
    angles = jnp.asarray(joint_angles, jnp.float32)
    none = jnp.zeros((*angles.shape[:-1], 1), angles.dtype)
    angles = jnp.concatenate([angles, none], axis=-1)

    # A loop over levels, the fingers side by side: written out, the compiler would fuse the whole
    # chain into one expression and take minutes over it.
    def descend(pose, level):
        position, rotation = pose
        offset, orientation, axis, joint = level
        turn = rotations.from_axis_angle(axis, angles[..., joint])
        position = position + rotations.rotate(rotation, offset)
        rotation = rotations.multiply(rotation, rotations.multiply(orientation, turn))
        return (position, rotation), None

    fingers = (*angles.shape[:-1], len(FINGERTIPS))
    start = (
        jnp.zeros((*fingers, 3), angles.dtype),
        jnp.broadcast_to(jnp.array([1.0, 0.0, 0.0, 0.0], angles.dtype), (*fingers, 4)),
    )
    levels = (chain.offset, chain.orientation, chain.axis, jnp.asarray(chain.joint))
    (position, rotation), _ = jax.lax.scan(descend, start, levels)
    return position + rotations.rotate(rotation, chain.tip)


def _path(model: mujoco.MjModel, body: int) -> list[int]:
    """Bodies from the first below the forearm down to `body`."""
    forearm = model.body("rh_forearm").id
    path = []
    while body != forearm:
        path.append(body)
        body = model.body_parentid[body]
    return path[::-1]
