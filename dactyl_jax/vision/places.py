"""A network that locates known points in a window of an image.

Each point gets a heat map, whose peak is refined by its neighbours, an estimated deviation, and a
logit that the point is visible. `solve` turns the places of many points in several cameras into a
pose, which averages their errors.
"""

import dataclasses

import jax
import jax.numpy as jnp
from flax import nnx

from dactyl_jax.vision import windows
from dactyl_jax.vision.layers import Parameters, Residual, convolution, graph, initial_parameters

CELLS = windows.SIZE // 2  # width and height of a heat map
_STRIDE = 4  # of the trunk, pixels
_NEAR = 2  # cells on either side of the peak that refine it


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Places:
    """Points in windows, `[n, point, ...]`.

    Attributes:
        heat: `[n, point, CELLS, CELLS]`, logits of the point's cell: rows, then columns.
        place: `[n, point, 2]`, positions in the window: right and down, -1 to 1 from edge to edge.
        log_deviation: `[n, point]`, logarithm of their estimated errors' scale, in the same unit.
        presence: `[n, point]`, logits that the points are visible.
    """

    heat: jax.Array
    place: jax.Array
    log_deviation: jax.Array
    presence: jax.Array


@dataclasses.dataclass(frozen=True)
class PlacesNetwork:
    """Design of a network, without its parameters; hashable and JSON-serialisable.

    Attributes:
        points: number of points.
        channels: of all its layers.
        dilations: of its residual blocks, one number per block.
    """

    points: int
    channels: int
    dilations: tuple[int, ...]

    def initial_parameters(self, key: jax.Array) -> Parameters:
        """Draws weights."""
        return initial_parameters(_Layers, self, key)

    def apply(self, parameters: Parameters, pictures: jax.Array) -> Places:
        """Runs the network on windows, `[n, windows.SIZE, windows.SIZE, 3]`."""
        return nnx.merge(graph(_Layers, self), nnx.State(parameters))(pictures)


class _Layers(nnx.Module):
    """The layers of a `PlacesNetwork`, in order."""

    def __init__(self, network: PlacesNetwork, rngs: nnx.Rngs):
        channels, self.points = network.channels, network.points
        self.stem = convolution(3, channels, 2 * _STRIDE, _STRIDE, rngs)
        self.blocks = nnx.List(
            [Residual(channels, channels, 1, rngs, dilation=d) for d in network.dilations]
        )
        # Four heat maps per point, which interleave to one of twice the resolution.
        self.heat = nnx.Conv(channels, 4 * network.points, (1, 1), rngs=rngs)
        self.judged = nnx.Param(jnp.zeros((network.points, channels, 2), jnp.float32))
        self.offset = nnx.Param(jnp.tile(jnp.array([-2.0, 0.0]), (network.points, 1)))

    def __call__(self, pictures: jax.Array) -> Places:
        x = nnx.relu(self.stem(pictures))
        for block in self.blocks:
            x = block(x)
        heat = _interleave(self.heat(x), self.points)
        place, share = _peak(heat)
        # What the trunk sees where a point is expected says how exact the place is.
        coarse = share.reshape(*share.shape[:2], CELLS // 2, 2, CELLS // 2, 2).sum((3, 5))
        there = jnp.einsum("npij,nijc->npc", coarse, x)
        judged = jnp.einsum("npc,pck->npk", there, self.judged[...]) + self.offset[...]
        return Places(heat, place, judged[..., 0], judged[..., 1])


def _interleave(maps: jax.Array, points: int) -> jax.Array:
    """`[n, height, width, 4 point]` to `[n, point, 2 height, 2 width]`."""
    count, height, width, _ = maps.shape
    maps = maps.reshape(count, height, width, 2, 2, points)
    return maps.transpose(0, 5, 1, 3, 2, 4).reshape(count, points, 2 * height, 2 * width)


def _peak(heat: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Places of the peaks, `[n, point, 2]`, by a softmax over the cells near each; and the softmax
    over all cells, `[n, point, CELLS, CELLS]`."""
    flat = heat.reshape(*heat.shape[:2], -1)
    best = jnp.argmax(flat, axis=-1)
    row, column = best[..., None] // CELLS, best[..., None] % CELLS
    cells = jnp.arange(CELLS)
    near_row = jnp.abs(cells - row) <= _NEAR
    near_column = jnp.abs(cells - column) <= _NEAR
    near = (near_row[..., :, None] & near_column[..., None, :]).reshape(flat.shape)
    local = nnx.softmax(jnp.where(near, flat, -jnp.inf), axis=-1).reshape(heat.shape)
    centres = (2 * cells + 1) / CELLS - 1
    across = jnp.sum(local * centres, axis=(2, 3))
    down = jnp.sum(local * centres[:, None], axis=(2, 3))
    return jnp.stack([across, down], axis=-1), nnx.softmax(flat, axis=-1).reshape(heat.shape)
