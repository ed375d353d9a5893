"""The training loss of the pose network."""

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from dactyl_jax.hand import rotations
from dactyl_jax.vision.frames import Truth
from dactyl_jax.vision.network import POSITION_SCALE, Estimate


def loss(estimate: Estimate, truth: Truth, keypoint_weight: float) -> tuple[jax.Array, dict]:
    """Mean loss over the frames, and its parts.

    The rotation loss is the squared distance of matrices, 8 sin^2(angle / 2) between rotations; a
    quaternion and its negative are the same matrix. The image positions of the faces and of points
    fixed to the hand are auxiliary targets, which guide the trunk. Without the latter the network
    is slow to learn each camera's orientation.
    """
    turned = rotations.matrix(truth.orientation)
    rotation = jnp.mean(jnp.sum((estimate.matrix - turned) ** 2, axis=(-2, -1)))
    offset = (estimate.position - truth.position) / POSITION_SCALE
    position = jnp.mean(jnp.sum(offset**2, axis=-1))
    distance = jnp.sum((estimate.keypoints - truth.keypoints) ** 2, axis=-1)
    keypoint = jnp.sum(jnp.where(truth.facing, distance, 0.0)) / jnp.sum(truth.facing)
    landmark = jnp.mean(jnp.sum((estimate.landmarks - truth.landmarks) ** 2, axis=-1))
    presence = jnp.mean(optax.sigmoid_binary_cross_entropy(estimate.presence, truth.facing))
    total = rotation + position + keypoint_weight * (10 * (keypoint + landmark) + presence)
    parts = {
        "loss": total,
        "rotation_loss": rotation,
        "position_loss": position,
        "keypoint_loss": keypoint,
        "landmark_loss": landmark,
        "presence_loss": presence,
    }
    return total, parts


def errors(
    position: ArrayLike, orientation: ArrayLike, truth: Truth
) -> tuple[jax.Array, jax.Array]:
    """Pose errors, for poses `[n, 3]` m and `[n, 4]`: orientation [rad] and position [m], `[n]`."""
    difference = rotations.multiply(orientation, rotations.conjugate(truth.orientation))
    return rotations.angle(difference), jnp.linalg.norm(
        jnp.asarray(position) - truth.position, axis=-1
    )
