"""Inference with a trained network: images in, poses and their uncertainty out."""

import dataclasses
import functools
from typing import NamedTuple

import jax
import numpy as np
from jax.typing import ArrayLike

from dactyl_jax.hand import RIG
from dactyl_jax.vision import images
from dactyl_jax.vision.network import Parameters, PoseNetwork, orientation

LARGEST_DOUBT = 1.0  # rad, maximum uncertainty of an accepted pose; a robot rejects others


class Poses(NamedTuple):
    """Estimated poses.

    Attributes:
        position: `[n, 3]` m, the object's centre in the frame of `rh_forearm`.
        orientation: `[n, 4]`, the object's orientation in that frame, unit quaternions, w >= 0.
        doubt: `[n]` rad, spread of the orientations that the images allow, about the estimate: 0 if
            they allow one, about 2 if they allow all, as for an object without markings. It is an
            alarm, not an error bar: on unambiguous frames it hardly correlates with the error.
    """

    position: np.ndarray
    orientation: np.ndarray
    doubt: np.ndarray


@dataclasses.dataclass(frozen=True)
class Estimator:
    """A trained pose network.

    Attributes:
        network: design of the network.
        parameters: its parameters.
        iteration: number of training iterations.
        frames: number of training frames of three images; a frame used twice counts twice.
    """

    network: PoseNetwork
    parameters: Parameters
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

    def mean_pose(self, pictures: ArrayLike) -> tuple[jax.Array, jax.Array]:
        """`estimate` without the choice of one orientation; can be traced and exported.

        Args:
            pictures: as for `estimate`.

        Returns:
            Position, `[n, 3]` m, and mean of the possible orientations, `[n, 3, 3]`.
        """
        estimate = self.network.apply(self.parameters, images.normalize(pictures))
        return estimate.position, estimate.matrix

    def estimate_normal(self, pictures: np.ndarray, batch: int = 64) -> Poses:
        """Like `estimate`, for images that are already normalised, float32."""
        self._check_shape(pictures)
        parts = []
        batch = min(batch, len(pictures))
        for start in range(0, len(pictures), batch):
            rows = np.minimum(np.arange(start, start + batch), len(pictures) - 1)
            parts.append(jax.device_get(_apply(self.network, self.parameters, pictures[rows])))
        position, quaternion, doubt = (
            np.concatenate(part)[: len(pictures)] for part in zip(*parts, strict=True)
        )
        return Poses(position, quaternion, doubt)

    def _check_shape(self, pictures: np.ndarray) -> None:
        size = self.network.image_size
        if pictures.ndim != 5 or pictures.shape[1:] != (len(RIG), size, size, 3):
            raise ValueError(
                f"pictures: their shape is {pictures.shape}; the network was trained on "
                f"[n, {len(RIG)}, {size}, {size}, 3], of the cameras "
                f"{', '.join(camera.name for camera in RIG)}"
            )


@functools.partial(jax.jit, static_argnums=0)
def _apply(
    network: PoseNetwork, parameters: Parameters, pictures: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    estimate = network.apply(parameters, pictures)
    return estimate.position, *orientation(estimate.matrix)
