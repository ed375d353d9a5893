"""The pose network: a shared trunk per camera, image points, joined views, a pose.

After appendix D.2 of OpenAI (2018), with strides that keep enough resolution for its spatial
softmax. The last layer outputs nine numbers instead of a quaternion. They are trained towards the
rotation matrix by squared error, whose optimum is the mean of the matrices that the images allow.
The estimated orientation is the rotation nearest to that mean. The more the mean falls short of a
rotation, the less certain the orientation: ambiguous images are reported as such.
"""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from ml_collections import ConfigDict

from dactyl_jax.errors import UserError
from dactyl_jax.hand import RIG
from dactyl_jax.vision import points
from dactyl_jax.vision.layers import (
    Parameters,
    Residual,
    convolution,
    graph,
    he,
    initial_parameters,
)

# Resting place of a block in the palm, in the frame of `rh_forearm` [m], and the spread about it:
# units in which positions are learned.
POSITION_CENTRE = np.array([0.050, 0.0, 0.305], np.float32)
POSITION_SCALE = 0.03
_CAMERAS = len(RIG)
_OBJECT = points.FACES.stop  # points of the object: its centre and the centres of its faces


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Estimate:
    """Output of the network for frames, `[n, ...]`.

    Attributes:
        position: `[n, 3]` m, the object's centre in the frame of `rh_forearm`.
        matrix: `[n, 3, 3]`, mean of the possible orientations in that frame.
        keypoints: `[n, camera, 7, 2]`, image positions of the object's centre and face centres.
        landmarks: `[n, camera, 7, 2]`, see `frames.Truth`.
        presence: `[n, camera, 7]`, logits that a keypoint's side is visible.
    """

    position: jax.Array
    matrix: jax.Array
    keypoints: jax.Array
    landmarks: jax.Array
    presence: jax.Array


@dataclasses.dataclass(frozen=True)
class PoseNetwork:
    """Design of a network, without its parameters; hashable and JSON-serialisable.

    Attributes:
        image_size: width and height of the images, pixels.
        stem: `strided`, or `paper` for two convolutions at full resolution, then pooling.
        channels, blocks, strides: of the residual stages, one number per stage.
        points: number of image points that the spatial softmax outputs.
        dense: sizes of the layers after the views are joined.
    """

    image_size: int
    stem: str
    channels: tuple[int, ...]
    blocks: tuple[int, ...]
    strides: tuple[int, ...]
    points: int
    dense: tuple[int, ...]

    def initial_parameters(self, key: jax.Array) -> Parameters:
        """Draws weights."""
        return initial_parameters(_Layers, self, key)

    def apply(self, parameters: Parameters, pictures: jax.Array) -> Estimate:
        """Runs the network.

        Args:
            parameters: parameters of this design.
            pictures: `[n, camera, size, size, 3]`, normalised (`images.normalize`).
        """
        return nnx.merge(graph(_Layers, self), nnx.State(parameters))(pictures)


def make_network(config: ConfigDict) -> PoseNetwork:
    """The network of `config.network`.

    Raises:
        ValueError: it outputs fewer image points than there are keypoints and landmarks.
    """
    network = config.network
    fewest = _OBJECT + len(points.FOREARM)
    if network.points < fewest:
        raise UserError(f"config.network.points is {network.points}; it must be at least {fewest}")
    return PoseNetwork(
        image_size=config.image_size,
        stem=network.stem,
        channels=tuple(network.channels),
        blocks=tuple(network.blocks),
        strides=tuple(network.strides),
        points=network.points,
        dense=tuple(network.dense),
    )


def orientation(matrix: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The rotation nearest to a mean of rotations, and its uncertainty.

    The quaternion is the eigenvector of the largest eigenvalue of Davenport's symmetric matrix
    (Davenport 1968, the q-method of attitude determination).

    Args:
        matrix: `[..., 3, 3]`.

    Returns:
        Unit quaternions `[..., 4]` with w >= 0; and the angle [rad] `[...]` whose cosine is the
        mean cosine of the expected errors: 0 if certain, 120 degrees if unknown.
    """
    m = matrix
    symmetric = m + jnp.swapaxes(m, -1, -2)
    trace = jnp.trace(m, axis1=-2, axis2=-1)
    vector = jnp.stack(
        [
            m[..., 2, 1] - m[..., 1, 2],
            m[..., 0, 2] - m[..., 2, 0],
            m[..., 1, 0] - m[..., 0, 1],
        ],
        axis=-1,
    )
    corner = trace[..., None, None]
    block = symmetric - corner * jnp.eye(3)
    upper = jnp.concatenate([corner, vector[..., None, :]], axis=-1)
    lower = jnp.concatenate([vector[..., :, None], block], axis=-1)
    values, vectors = jnp.linalg.eigh(jnp.concatenate([upper, lower], axis=-2))
    quaternion = vectors[..., -1]
    quaternion = jnp.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    cosine = jnp.clip((values[..., -1] - 1) / 2, -0.5, 1.0)
    return quaternion, jnp.arccos(cosine)


class _Layers(nnx.Module):
    """The layers of a `PoseNetwork`, in order."""

    def __init__(self, network: PoseNetwork, rngs: nnx.Rngs):
        first = network.channels[0]
        if network.stem == "paper":
            self.stem = nnx.List(
                [
                    convolution(3, 32, 5, 1, rngs, padding="VALID"),
                    convolution(32, 32, 3, 1, rngs, padding="VALID"),
                ]
            )
            self.pooled, inputs = True, 32
        else:
            # One position per 8 pixels at size 200, per 4 at size 100: the block spans 9 of them.
            stride = 8 if network.image_size > 150 else 4
            self.stem = nnx.List([convolution(3, first, 2 * stride, stride, rngs)])
            self.pooled, inputs = False, first
        blocks = []
        for channels, count, stride in zip(
            network.channels, network.blocks, network.strides, strict=True
        ):
            for number in range(count):
                blocks.append(Residual(inputs, channels, 1 if number else stride, rngs))
                inputs = channels
        self.blocks = nnx.List(blocks)
        self.heat = nnx.Conv(inputs, network.points, (1, 1), rngs=rngs)
        joined = _CAMERAS * 3 * network.points  # two coordinates and a strength per point
        sizes = (joined, *network.dense)
        self.dense = nnx.List(
            [nnx.Linear(m, n, kernel_init=he, rngs=rngs) for m, n in itertools.pairwise(sizes)]
        )
        self.presence = nnx.Linear(network.points, _OBJECT, rngs=rngs)
        self.head = nnx.Linear(sizes[-1], 12, kernel_init=nnx.initializers.zeros, rngs=rngs)

    def __call__(self, pictures: jax.Array) -> Estimate:
        count = pictures.shape[0]
        x = pictures.reshape(count * _CAMERAS, *pictures.shape[2:])
        for layer in self.stem:
            x = nnx.relu(layer(x))
        if self.pooled:
            x = nnx.max_pool(x, (3, 3), strides=(3, 3))
        for block in self.blocks:
            x = block(x)
        places, strength = _spatial_softmax(self.heat(x))
        presence = self.presence(strength)
        joined = jnp.concatenate([places.reshape(len(places), -1), strength], axis=-1)
        x = joined.reshape(count, -1)
        for linear in self.dense:
            x = nnx.relu(linear(x))
        output = self.head(x)
        views = (count, _CAMERAS)
        seen = places.reshape(*views, -1, 2)
        fixed = _OBJECT + len(points.FOREARM)
        return Estimate(
            position=jnp.asarray(POSITION_CENTRE) + POSITION_SCALE * output[:, :3],
            matrix=output[:, 3:].reshape(count, 3, 3),
            keypoints=seen[:, :, :_OBJECT],
            landmarks=seen[:, :, _OBJECT:fixed],
            presence=presence.reshape(*views, -1),
        )


def _spatial_softmax(heat: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Locates the peak of each heat map: `[n, height, width, point]` to positions `[n, point, 2]`,
    right and down, -1 to 1 from edge to edge; and its strength, `[n, point]`."""
    count, height, width, points = heat.shape
    flat = heat.reshape(count, height * width, points)
    share = nnx.softmax(flat, axis=1)
    across = (2 * jnp.arange(width) + 1) / width - 1
    down = (2 * jnp.arange(height) + 1) / height - 1
    grid = jnp.stack(jnp.meshgrid(across, down), axis=-1).reshape(-1, 2)
    places = jnp.einsum("nsp,sc->npc", share, grid)
    strength = jnp.sum(share * flat, axis=1)
    return places, strength
