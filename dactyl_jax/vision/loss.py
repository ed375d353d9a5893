"""The training losses of the networks."""

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from dactyl_jax.hand import rotations
from dactyl_jax.vision import points
from dactyl_jax.vision.frames import Truth
from dactyl_jax.vision.network import POSITION_SCALE, Estimate
from dactyl_jax.vision.places import CELLS, Places
from dactyl_jax.vision.windows import SIZE

_TARGET = 1.2  # cells, standard deviation of the heat maps' target
_FREEDOM = 3.0  # degrees of freedom of a place's error


def loss(estimate: Estimate, truth: Truth, keypoint_weight: float) -> tuple[jax.Array, dict]:
    """Mean loss over the frames, and its parts.

    The rotation loss is the squared distance of matrices, 8 sin^2(angle / 2) between rotations; a
    quaternion and its negative are the same matrix. The image positions of the faces and of points
    of the forearm are auxiliary targets, which guide the trunk. Without the latter the network is
    slow to learn each camera's orientation.
    """
    faces = slice(points.FACES.stop)
    keypoints, facing = truth.keypoints[:, :, faces], truth.facing[:, :, faces]
    turned = rotations.matrix(truth.orientation)
    rotation = jnp.mean(jnp.sum((estimate.matrix - turned) ** 2, axis=(-2, -1)))
    offset = (estimate.position - truth.position) / POSITION_SCALE
    position = jnp.mean(jnp.sum(offset**2, axis=-1))
    distance = jnp.sum((estimate.keypoints - keypoints) ** 2, axis=-1)
    keypoint = jnp.sum(jnp.where(facing, distance, 0.0)) / jnp.sum(facing)
    landmark = jnp.mean(jnp.sum((estimate.landmarks - truth.landmarks) ** 2, axis=-1))
    presence = jnp.mean(optax.sigmoid_binary_cross_entropy(estimate.presence, facing))
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


def places_loss(found: Places, truth: jax.Array, visible: jax.Array) -> tuple[jax.Array, dict]:
    """Mean loss of the points of windows, and its parts.

    Args:
        found: output of the network, `[n, point, ...]`.
        truth: `[n, point, 2]`, positions in the windows, -1 to 1 from edge to edge.
        visible: `[n, point]` bool, whether they face the camera. Those beyond the window's edge
            count as hidden.
    """
    visible &= jnp.all(jnp.abs(truth) < 1.0, axis=-1)
    cells = (2 * jnp.arange(CELLS) + 1) / CELLS - 1
    away = (truth[..., None] - cells) * CELLS / 2  # [n, point, (across, down), cell], cells
    near = jnp.exp(-0.5 * (away / _TARGET) ** 2)
    target = near[:, :, 1, :, None] * near[:, :, 0, None, :]
    target /= jnp.sum(target, axis=(2, 3), keepdims=True) + 1e-9
    flat = found.heat.reshape(*found.heat.shape[:2], -1)
    heat = -jnp.sum(target.reshape(flat.shape) * jax.nn.log_softmax(flat, axis=-1), axis=-1)
    offset = found.place - truth
    distance = jnp.sqrt(jnp.sum(offset**2, axis=-1) + 1e-6)
    # The negative logarithm of Student's t, whose tails leave room for confusions. It judges the
    # deviation alone.
    scaled = jax.lax.stop_gradient(offset) * jnp.exp(-found.log_deviation)[..., None]
    tails = (_FREEDOM + 1) / 2 * jnp.log1p(scaled**2 / _FREEDOM)
    deviation = jnp.sum(found.log_deviation[..., None] + tails, axis=-1)
    presence = jnp.mean(optax.sigmoid_binary_cross_entropy(found.presence, visible))

    def mean(x: jax.Array) -> jax.Array:
        return jnp.sum(jnp.where(visible, x, 0.0)) / jnp.maximum(jnp.sum(visible), 1)

    parts = {
        "heat_loss": mean(heat),
        "pixels": mean(distance) * SIZE / 2,
        "deviation_loss": mean(deviation),
        "presence_loss": presence,
    }
    total = parts["heat_loss"] + mean(distance) * CELLS / 4 + 0.3 * mean(deviation) + presence
    return total, parts


def errors(
    position: ArrayLike, orientation: ArrayLike, truth: Truth
) -> tuple[jax.Array, jax.Array]:
    """Pose errors, for poses `[n, 3]` m and `[n, 4]`: orientation [rad] and position [m], `[n]`."""
    difference = rotations.multiply(orientation, rotations.conjugate(truth.orientation))
    return rotations.angle(difference), jnp.linalg.norm(
        jnp.asarray(position) - truth.position, axis=-1
    )
