"""What turns three images into a pose: a first look at all of them, then a closer look and a solve.

The first look is the paper's network. It says where the object is in each image, and roughly its
pose. The closer look locates known points of the object and of the forearm in windows of the
images. `solve` finds the pose that explains them best.
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from dactyl_jax.vision import network as network_lib
from dactyl_jax.vision import points, windows
from dactyl_jax.vision.layers import Parameters
from dactyl_jax.vision.network import PoseNetwork
from dactyl_jax.vision.places import Places, PlacesNetwork
from dactyl_jax.vision.solve import Rig, Seen, Solution, solve

_BLANK = 1e-3  # variance below which an image shows nothing


@dataclasses.dataclass(frozen=True)
class Eyes:
    """Designs of the networks, without their parameters; hashable and JSON-serialisable.

    Attributes:
        first: the first look.
        object, forearm: the closer look at the object and at the forearm's end.
    """

    first: PoseNetwork
    object: PlacesNetwork
    forearm: PlacesNetwork

    def initial_parameters(self, key: jax.Array) -> dict[str, Parameters]:
        """Draws the weights of all networks, by name."""
        return {
            field.name: getattr(self, field.name).initial_parameters(jax.random.fold_in(key, row))
            for row, field in enumerate(dataclasses.fields(self))
        }


class Closer(NamedTuple):
    """A closer look, `[n camera, point, ...]`."""

    object: Places
    forearm: Places


def make_eyes(config: ConfigDict) -> Eyes:
    """The networks of `config.network` and `config.closer`.

    Raises:
        ValueError: the first look outputs too few image points.
    """

    def design(count: int, part: ConfigDict) -> PlacesNetwork:
        return PlacesNetwork(count, part.channels, tuple(part.dilations))

    return Eyes(
        network_lib.make_network(config),
        design(len(points.OBJECT), config.closer.object),
        design(len(points.FOREARM[points.FIXED]), config.closer.forearm),
    )


def look_closer(
    eyes: Eyes,
    parameters: dict[str, Parameters],
    rig: Rig,
    pictures: jax.Array,
    centres: jax.Array,
) -> Closer:
    """Locates points in windows.

    Args:
        eyes: designs of the networks.
        parameters: their parameters.
        rig: the cameras.
        pictures: `[n, camera, size, size, 3]`, normalised (`images.normalize`).
        centres: `[n, camera, 2]`, image positions of the object.
    """
    flat = pictures.reshape(-1, *pictures.shape[2:])
    still = jnp.broadcast_to(jnp.asarray(rig.windows), centres.shape)
    return Closer(
        eyes.object.apply(parameters["object"], windows.cut(flat, centres.reshape(-1, 2))),
        eyes.forearm.apply(parameters["forearm"], windows.cut(flat, still.reshape(-1, 2))),
    )


class Look(NamedTuple):
    """What the networks say of images, `[n, ...]`.

    Attributes:
        position, matrix: the first look's estimate, see `network.Estimate`.
        seen: the points of the closer look.
    """

    position: jax.Array
    matrix: jax.Array
    seen: Seen


def look(eyes: Eyes, parameters: dict[str, Parameters], rig: Rig, pictures: jax.Array) -> Look:
    """Runs all networks on images as in `look_closer`."""
    first = eyes.first.apply(parameters["first"], pictures)
    centres = windows.kept_in(first.keypoints[:, :, 0])
    closer = look_closer(eyes, parameters, rig, pictures, centres)
    shown = jnp.var(pictures, axis=(2, 3, 4)) > _BLANK
    found = (
        _seen(closer.object, centres, shown),
        _seen(closer.forearm, jnp.asarray(rig.windows), shown),
    )
    seen = Seen(*(jnp.concatenate(parts, axis=2) for parts in zip(*found, strict=True)))
    return Look(first.position, first.matrix, seen)


def poses(rig: Rig, found: Look) -> tuple[Solution, jax.Array]:
    """The poses that explain what was seen, and the first look's uncertainty, `[n]` rad."""
    orientation, doubt = network_lib.orientation(found.matrix)
    return solve(rig, found.seen, found.position, orientation), doubt


def _seen(places: Places, centres: jax.Array, shown: jax.Array) -> Seen:
    """Points in the images, `[n, camera, point, ...]`, from points in windows."""

    def split(x: Any) -> jax.Array:
        return x.reshape(*shown.shape, *x.shape[1:])

    return Seen(
        windows.outside(split(places.place), centres[..., None, :]),
        windows.SHARE * jnp.exp(split(places.log_deviation)),
        shown[..., None] * jax.nn.sigmoid(split(places.presence)),
    )
