"""True readings of the hand and the object, in the `rh_forearm` frame."""

import dataclasses

import jax
import jax.numpy as jnp

from dactyl_jax import hand, physics
from dactyl_jax.hand import kinematics, rotations


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Readings:
    """True readings of each environment; positions and velocities in the `rh_forearm` frame.

    Attributes:
        joint_angles: `[E, 24]` rad.
        joint_velocities: `[E, 24]` rad/s.
        targets: actuator targets as the controller wants them, `[E, 20]` rad.
        action_average: the controller's average of unit actions, `[E, 20]`.
        fingertips: FF, MF, RF, LF, TH, `[E, 5, 3]` m.
        links: orientations of the fingertips' distal links, `[E, 5, 4]`.
        position: position of the object's centre, `[E, 3]` m.
        orientation: orientation of the object, `[E, 4]`.
        velocity: velocity of the object's centre, `[E, 3]` m/s.
        angular_velocity: angular velocity of the object, `[E, 3]` rad/s.
    """

    joint_angles: jax.Array
    joint_velocities: jax.Array
    targets: jax.Array
    action_average: jax.Array
    fingertips: jax.Array
    links: jax.Array
    position: jax.Array
    orientation: jax.Array
    velocity: jax.Array
    angular_velocity: jax.Array


def read(
    layout: hand.Layout,
    chain: kinematics.Chain,
    state: physics.State,
    action_average: jax.Array,
) -> Readings:
    """Reads a physics state and the controller's average `[E, 20]`; the same for every engine."""
    to_forearm = rotations.conjugate(jnp.asarray(layout.forearm_quaternion, jnp.float32))
    joint_angles = state.qpos[:, layout.joint_qpos]
    fingertips, links = kinematics.fingertip_poses(chain, joint_angles)
    pose = state.qpos[:, layout.object_qpos]
    twist = state.qvel[:, layout.object_qvel]
    orientation = rotations.multiply(to_forearm, pose[:, 3:])
    forearm = jnp.asarray(layout.forearm_position, jnp.float32)
    return Readings(
        joint_angles=joint_angles,
        joint_velocities=state.qvel[:, layout.joint_qvel],
        targets=state.ctrl,
        action_average=action_average,
        fingertips=fingertips,
        links=links,
        position=rotations.rotate(to_forearm, pose[:, :3] - forearm),
        orientation=orientation,
        velocity=rotations.rotate(to_forearm, twist[:, :3]),
        # MuJoCo gives a free joint's angular velocity in the body frame.
        angular_velocity=rotations.rotate(orientation, twist[:, 3:]),
    )
