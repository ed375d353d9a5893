"""The object's pose from the places of known points in several images.

A robust least-squares solution by Levenberg and Marquardt. Besides the pose it finds how each
camera differs from its nominal place, direction and field of view, within what training and
calibration leave open; the forearm's points, which stand still, tell most of that.
"""

import dataclasses
import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from ml_collections import ConfigDict

from dactyl_jax import hand
from dactyl_jax.hand import rotations
from dactyl_jax.vision import config as schema
from dactyl_jax.vision import points, windows

_ITERATIONS = 8
_FLOOR = 0.003 * windows.SHARE  # least deviation of a place: a tenth of a window's pixel
_CAUCHY = 2.0  # deviations beyond which a place counts less
_DAMPING = 1e-3  # of the normal matrix's diagonal, at first
_METRES, _RADIANS = 0.01, 0.1  # units of the pose's unknowns
_PER_CAMERA = 7  # unknowns: position, rotation, field of view
# Errors are larger than the linear estimate of their deviation by this factor, measured on held-out
# frames: places that a finger hides are wrong together.
_OPTIMISM = 1.25


class Rig(NamedTuple):
    """Cameras, and how well they are known.

    Attributes:
        position: `[camera, 3]` m, in the frame of `rh_forearm`.
        quaternion: `[camera, 4]`, as in `hand.Camera`.
        field_of_view: `[camera]` degrees.
        deviations: standard deviations of a camera's position [m] and rotation [rad] along and
            about any axis, and of its field of view [degrees].
        windows: `[camera, 2]`, image positions of the centres of the windows on the forearm's end.
    """

    position: tuple[tuple[float, ...], ...]
    quaternion: tuple[tuple[float, ...], ...]
    field_of_view: tuple[float, ...]
    deviations: tuple[float, float, float]
    windows: tuple[tuple[float, float], ...]


class Seen(NamedTuple):
    """Points that the cameras show, `[n, camera, 21, ...]`: `points.OBJECT`, then those of
    `points.FOREARM[points.FIXED]`.

    Attributes:
        place: `[..., 2]`, image positions: right and down, -1 to 1 from edge to edge.
        deviation: their standard deviations, in the same unit.
        weight: 0 to 1, how much each counts; 0 if it is hidden.
    """

    place: jax.Array
    deviation: jax.Array
    weight: jax.Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Solution:
    """Poses, `[n, ...]`.

    Attributes:
        position: `[n, 3]` m, the object's centre in the frame of `rh_forearm`.
        orientation: `[n, 4]`, the object's orientation in that frame.
        position_deviation: `[n]` m, estimated standard deviation of the distance to the truth.
        rotation_deviation: `[n]` rad, the same of the angle.
        misfit: `[n, camera]`, cost per point of what each camera shows, and of how far the camera
            must differ from the rig to show it, in squared deviations: about 1 if all is as
            expected, more if a camera was moved or confused with another.
        turned: `[n, camera, 3]` rad, rotation of each camera relative to the rig, in its frame.
    """

    position: jax.Array
    orientation: jax.Array
    position_deviation: jax.Array
    rotation_deviation: jax.Array
    misfit: jax.Array
    turned: jax.Array


def rig(config: ConfigDict) -> Rig:
    """The cameras of a vision configuration, which vary as its frames do."""
    terms = config.terms

    def deviation(term: ConfigDict, spread: float) -> float:
        return float(spread) if term.enabled else 0.0

    position, rotation, view = terms.camera_position, terms.camera_rotation, terms.field_of_view
    cameras = schema.cameras(config)
    return Rig(
        tuple(camera.position for camera in cameras),
        tuple(camera.quaternion for camera in cameras),
        tuple(camera.field_of_view for camera in cameras),
        (
            deviation(position, position.spread / math.sqrt(3)),
            # The angle is uniform, about any axis: a third of its mean square about each.
            deviation(rotation, math.radians(rotation.largest_deg) / 3),
            deviation(view, view.spread_deg / math.sqrt(3)),
        ),
        tuple(_forearm_window(camera) for camera in cameras),
    )


def geometry(rig: Rig) -> dict[str, Any]:
    """Everything but the cameras that a robot host needs to solve, as JSON."""
    return {
        "object_points": points.OBJECT.tolist(),
        "forearm_points": points.FOREARM[points.FIXED].tolist(),
        "camera_deviations": list(rig.deviations),
        "place_floor": _FLOOR,
        "cauchy": _CAUCHY,
        "optimism": _OPTIMISM,
    }


def _forearm_window(camera: hand.Camera) -> tuple[float, float]:
    """Centre of a camera's window on the forearm's end; the window lies in the image."""
    fixed = points.FOREARM[points.FIXED].astype(np.float32)
    place, quaternion = np.array(camera.position), np.array(camera.quaternion)
    places = points.project(fixed, place, quaternion, camera.field_of_view)
    across, down = windows.kept_in((places.max(axis=0) + places.min(axis=0)) / 2).tolist()
    return across, down


@functools.partial(jax.jit, static_argnums=0)
def solve(rig: Rig, seen: Seen, position: ArrayLike, orientation: ArrayLike) -> Solution:
    """Solves for the poses that explain the points best.

    Args:
        rig: the cameras.
        seen: points in the images.
        position: `[n, 3]` m, a first guess.
        orientation: `[n, 4]`, a first guess; it must be closer to the truth than to a pose that
            looks alike.
    """
    one = functools.partial(_solve, rig)
    return jax.vmap(one)(seen, jnp.asarray(position), jnp.asarray(orientation))


def _solve(rig: Rig, seen: Seen, position: Any, orientation: Any) -> Solution:
    """Solves a single frame."""
    cameras = len(rig.field_of_view)
    unknowns = 6 + _PER_CAMERA * cameras
    # Unknown k is in units of its prior's deviation, or of the pose's units.
    prior = jnp.concatenate([jnp.zeros(6), jnp.ones(_PER_CAMERA * cameras)])

    def residuals(pose: tuple[Any, Any], x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Differences in deviations, `[point, 2]`, and weights, `[point]`, for increments `x`."""
        centre, spin = _moved(pose, x)
        block = centre + rotations.rotate(spin, jnp.asarray(points.OBJECT, jnp.float32))
        still = jnp.asarray(points.FOREARM[points.FIXED], jnp.float32)
        of_camera = x[6:].reshape(cameras, _PER_CAMERA)
        found = jax.vmap(_project, (0, 0, 0, None, 0, None))(
            jnp.asarray(rig.position),
            jnp.asarray(rig.quaternion),
            jnp.asarray(rig.field_of_view),
            jnp.asarray(rig.deviations),
            of_camera,
            jnp.concatenate([block, still]),
        )
        off = (found - seen.place) / jnp.sqrt(seen.deviation**2 + _FLOOR**2)[..., None]
        return off.reshape(-1, 2), seen.weight.ravel()

    def robust(pose: tuple[Any, Any], x: jax.Array) -> jax.Array:
        """Cost of each point."""
        off, weight = residuals(pose, x)
        return weight * _CAUCHY**2 * jnp.log1p(jnp.sum(off**2, axis=-1) / _CAUCHY**2)

    def cost(pose: tuple[Any, Any], x: jax.Array) -> jax.Array:
        return jnp.sum(robust(pose, x)) + jnp.sum(prior * x**2)

    def normal(pose: tuple[Any, Any], x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Normal matrix and gradient of the reweighted problem."""
        off, weight = residuals(pose, x)
        slope = jax.jacfwd(lambda x: residuals(pose, x)[0])(x)  # [point, 2, unknown]
        share = weight / (1 + jnp.sum(off**2, axis=-1) / _CAUCHY**2)
        matrix = jnp.einsum("p,pik,pil->kl", share, slope, slope) + jnp.diag(prior)
        return matrix, jnp.einsum("p,pik,pi->k", share, slope, off) + prior * x

    def step(carry: Any, _: None) -> tuple[Any, None]:
        pose, x, damping, before = carry
        matrix, gradient = normal(pose, x)
        damped = matrix + damping * jnp.diag(jnp.diagonal(matrix) + 1e-6)
        tried = x - jnp.linalg.solve(damped, gradient)
        after = cost(pose, tried)
        better = after < before
        x = jnp.where(better, tried, x)
        damping = jnp.where(better, damping / 10, damping * 10)
        # The pose takes its increments, so that rotations stay small.
        pose = _moved(pose, x)
        x = x.at[:6].set(0.0)
        return (pose, x, damping, jnp.minimum(after, before)), None

    pose, x = (position, orientation), jnp.zeros(unknowns)
    start = pose, x, jnp.float32(_DAMPING), cost(pose, x)
    (pose, x, _, _), _ = jax.lax.scan(step, start, length=_ITERATIONS)
    covariance = _OPTIMISM**2 * jnp.linalg.inv(normal(pose, x)[0] + 1e-6 * jnp.eye(unknowns))
    variances = jnp.diagonal(covariance)
    return Solution(
        pose[0],
        rotations.canonical(pose[1] / jnp.linalg.norm(pose[1])),
        _METRES * jnp.sqrt(jnp.sum(variances[:3])),
        _RADIANS * jnp.sqrt(jnp.sum(variances[3:6])),
        (
            jnp.sum(robust(pose, x).reshape(cameras, -1), axis=1)
            + jnp.sum(x[6:].reshape(cameras, -1) ** 2, axis=1)
        )
        / jnp.maximum(jnp.sum(seen.weight, axis=1), 1.0),
        rig.deviations[1] * x[6:].reshape(cameras, _PER_CAMERA)[:, 3:6],
    )


def _moved(pose: tuple[Any, Any], x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """A pose after increments."""
    return pose[0] + _METRES * x[:3], rotations.multiply(pose[1], _exponential(_RADIANS * x[3:6]))


def _project(position, quaternion, field_of_view, deviations, x, places):
    """Image positions of places `[n, 3]` for a camera that differs from its nominal one by `x`."""
    return points.project(
        places,
        position + deviations[0] * x[:3],
        rotations.multiply(quaternion, _exponential(deviations[1] * x[3:6])),
        field_of_view + deviations[2] * x[6],
    )


def _exponential(vector: jax.Array) -> jax.Array:
    """The rotation by a rotation vector `[3]` rad, differentiable at zero, `[4]`."""
    square = jnp.sum(vector**2)
    safe = jnp.where(square > 1e-12, square, 1.0)
    half = jnp.sqrt(safe) / 2
    near = square <= 1e-12
    scale = jnp.where(near, 0.5, jnp.sin(half) / jnp.sqrt(safe))
    real = jnp.where(near, 1.0 - square / 8, jnp.cos(half))
    return jnp.concatenate([real[None], scale * vector])
