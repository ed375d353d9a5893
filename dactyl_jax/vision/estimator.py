"""Inference with trained networks: images in, poses and their uncertainty out."""

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from dactyl_jax.hand import RIG
from dactyl_jax.vision import images
from dactyl_jax.vision.eyes import Eyes, Look, look, poses
from dactyl_jax.vision.layers import Parameters
from dactyl_jax.vision.solve import Rig

LARGEST_DOUBT = 1.0  # rad, maximum uncertainty of an accepted pose; a robot rejects others


class Poses(NamedTuple):
    """Estimated poses.

    Attributes:
        position: `[n, 3]` m, the object's centre in the frame of `rh_forearm`.
        orientation: `[n, 4]`, the object's orientation in that frame, unit quaternions, w >= 0.
        doubt: `[n]` rad, spread of the orientations that the images allow, about the estimate: 0 if
            they allow one, about 2 if they allow all, as for an object without markings. It is an
            alarm, not an error bar: on unambiguous frames it hardly correlates with the error.
        position_deviation: `[n]` m, estimated standard deviation of the distance to the truth.
        rotation_deviation: `[n]` rad, the same of the angle.
        misfit: `[n, camera]`, how badly the pose explains what each camera shows, see
            `solve.Solution`.
    """

    position: np.ndarray
    orientation: np.ndarray
    doubt: np.ndarray
    position_deviation: np.ndarray
    rotation_deviation: np.ndarray
    misfit: np.ndarray


@dataclasses.dataclass(frozen=True)
class Estimator:
    """Trained networks.

    Attributes:
        eyes: designs of the networks.
        rig: the cameras.
        parameters: the networks' parameters, by name.
        iteration: number of training iterations.
        frames: number of training frames of three images; a frame used twice counts twice.
    """

    eyes: Eyes
    rig: Rig
    parameters: dict[str, Parameters]
    iteration: int
    frames: int

    def estimate(self, pictures: np.ndarray, batch: int = 64) -> Poses:
        """Estimates the object's poses from camera images.

        Args:
            pictures: `[n, camera, size, size, 3]` uint8, cameras in the order of `hand.RIG`.
            batch: number of frames per network call.

        Raises:
            ValueError: wrong type, number of cameras or size.
        """
        pictures = np.asarray(pictures)
        if pictures.dtype != np.uint8:
            raise ValueError(f"pictures: they are {pictures.dtype}; they must be uint8")
        self._check_shape(pictures)
        return self.estimate_normal(np.asarray(images.normalize(pictures)), batch)

    def look(self, pictures: ArrayLike) -> Look:
        """What the networks say of images, as for `estimate`; can be traced and exported."""
        return self.look_normal(images.normalize(pictures))

    def look_normal(self, pictures: ArrayLike) -> Look:
        """Like `look`, for images that are already normalised."""
        return look(self.eyes, self.parameters, self.rig, jnp.asarray(pictures))

    def estimate_normal(self, pictures: np.ndarray, batch: int = 64) -> Poses:
        """Like `estimate`, for images that are already normalised, float32."""
        self._check_shape(pictures)
        parts = []
        batch = min(batch, len(pictures))
        for start in range(0, len(pictures), batch):
            rows = np.minimum(np.arange(start, start + batch), len(pictures) - 1)
            found = _apply(self.eyes, self.rig, self.parameters, pictures[rows])
            parts.append(jax.device_get(found))
        return Poses(*(np.concatenate(part)[: len(pictures)] for part in zip(*parts, strict=True)))

    def _check_shape(self, pictures: np.ndarray) -> None:
        size = self.eyes.first.image_size
        if pictures.ndim != 5 or pictures.shape[1:] != (len(RIG), size, size, 3):
            raise ValueError(
                f"pictures: their shape is {pictures.shape}; the network was trained on "
                f"[n, {len(RIG)}, {size}, {size}, 3], of the cameras "
                f"{', '.join(camera.name for camera in RIG)}"
            )


@functools.partial(jax.jit, static_argnums=(0, 1))
def _apply(
    eyes: Eyes, rig: Rig, parameters: dict[str, Parameters], pictures: jax.Array
) -> tuple[jax.Array, ...]:
    """The fields of `Poses`."""
    solution, doubt = poses(rig, look(eyes, parameters, rig, pictures))
    return (
        solution.position,
        solution.orientation,
        doubt,
        solution.position_deviation,
        solution.rotation_deviation,
        solution.misfit,
    )
