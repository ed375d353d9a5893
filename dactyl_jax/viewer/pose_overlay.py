"""Views of the three cameras, overlaid with the pose network's estimate."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import warp

from dactyl_jax import hand
from dactyl_jax.envs import goals
from dactyl_jax.hand import rotations
from dactyl_jax.rendering import Views, nominal
from dactyl_jax.vision.drawing import CORNERS, Canvas
from dactyl_jax.vision.estimator import Estimator
from dactyl_jax.vision.frames import project


class Look(NamedTuple):
    """One image from each camera, with the estimate.

    Attributes:
        picture: the cameras' views side by side, enlarged, `[height, 3 height, 3]` uint8, with the
            edges of a block in the estimated pose.
        angle, distance: error of the estimate, rad and m.
    """

    picture: np.ndarray
    angle: float
    distance: float


class PoseOverlay:
    """Renders the calibrated cameras' views with the network's estimate; slow to construct.

    Args:
        estimator: a network that estimates a block's pose.
        tilt: angle between the palm and the horizontal, rad.
    """

    def __init__(self, estimator: Estimator, tilt: float) -> None:
        warp.config.log_level = warp.LOG_ERROR
        model = hand.load_model("block", tilt=tilt, cameras=hand.RIG)
        self._estimator = estimator
        self._layout = hand.layout(model)
        self._looks = nominal(model)
        self._views = Views(model, estimator.eyes.first.image_size, batch=1)
        self._outline = jax.jit(self._project_block)
        self.look(model.qpos0)  # compile now

    def look(self, qpos: np.ndarray) -> Look:
        """Renders and estimates a state `[31]`."""
        looks = jax.tree.map(lambda x: jnp.asarray(x)[None], self._looks)
        pictures = self._views.render(np.asarray(qpos)[None], looks)
        poses = self._estimator.estimate(pictures)
        position, orientation = poses.position[0], poses.orientation[0]
        points = np.asarray(self._outline(position, orientation))
        angle, distance = self._error(qpos, position, orientation)
        views = zip(pictures[0], points, strict=True)
        return Look(np.concatenate([_draw(*view) for view in views], axis=1), angle, distance)

    def _project_block(self, position: jax.Array, orientation: jax.Array) -> jax.Array:
        corners = position + rotations.rotate(orientation, jnp.asarray(CORNERS, jnp.float32))
        return project(corners, self._looks)

    def _error(
        self, qpos: np.ndarray, position: np.ndarray, orientation: np.ndarray
    ) -> tuple[float, float]:
        to_forearm = rotations.conjugate(jnp.asarray(self._layout.forearm_quaternion, jnp.float32))
        pose = jnp.asarray(qpos[self._layout.object_qpos], jnp.float32)
        origin = jnp.asarray(self._layout.forearm_position, jnp.float32)
        true = rotations.rotate(to_forearm, pose[:3] - origin)
        turned = goals.distance(rotations.multiply(to_forearm, pose[3:]), jnp.asarray(orientation))
        return float(turned), float(jnp.linalg.norm(true - position))


def _draw(picture: np.ndarray, corners: np.ndarray) -> np.ndarray:
    canvas = Canvas(picture)
    canvas.block(corners)
    return canvas.picture()
