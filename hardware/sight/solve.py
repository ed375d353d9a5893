"""The object's pose from the places of known points in the pictures of several cameras.

A robust least-squares solution by Levenberg and Marquardt, as in training. Besides the pose it
finds how each camera differs from where calibration has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from hardware.base import rotations
from hardware.sight.cameras import Camera

_ITERATIONS = 8
_DAMPING = 1e-3  # of the normal matrix's diagonal, at first
_METRES, _RADIANS = 0.01, 0.1  # units of the pose's unknowns
_PER_CAMERA = 7  # unknowns: position, rotation, field of view
_UP = np.array([1.0, -1.0])  # pictures have y downwards, cameras upwards


class SeenPoints(NamedTuple):
    """Points that the cameras show: the object's, then the forearm's, `[camera, point, ...]`.

    Attributes:
        place: `[..., 2]`, right and down, -1 to 1 from edge to edge of a picture.
        deviation: their standard deviations, in the same unit.
        weight: 0 to 1, how much each counts; 0 if it is hidden.
    """

    place: np.ndarray
    deviation: np.ndarray
    weight: np.ndarray


class Solution(NamedTuple):
    """A pose, and how exact it is.

    Attributes:
        position: `[3]` m, the object's centre in the frame of `rh_forearm`.
        orientation: `[4]`, its orientation in that frame.
        position_deviation: m, estimated standard deviation of the distance to the truth.
        rotation_deviation: rad, the same of the angle.
        misfit: `[camera]`, cost per point of what each camera shows, and of how far the camera must
            differ from its calibration to show it, in squared deviations: about 1 if all is as
            expected, more if a camera was moved or confused with another.
    """

    position: np.ndarray
    orientation: np.ndarray
    position_deviation: float
    rotation_deviation: float
    misfit: np.ndarray


class Solver:
    """Solves for the poses that explain the points best.

    Args:
        geometry: the bundle's `vision.geometry`.
        cameras: as they are calibrated, in the bundle's order.
        fields_of_view: of their square pictures, degrees.

    Attributes:
        points: number of points of object and forearm.
    """

    def __init__(
        self, geometry: dict[str, Any], cameras: Sequence[Camera], fields_of_view: Sequence[float]
    ):
        self._object = np.array(geometry["object_points"], float)
        self._forearm = np.array(geometry["forearm_points"], float)
        self.points = len(self._object) + len(self._forearm)
        self._deviations = np.array(geometry["camera_deviations"], float)
        self._floor, self._cauchy = float(geometry["place_floor"]), float(geometry["cauchy"])
        self._optimism = float(geometry["optimism"])
        self._position = np.stack([camera.position for camera in cameras])
        self._quaternion = np.stack([camera.quaternion for camera in cameras])
        self._field_of_view = np.array(fields_of_view, float)
        self._prior = np.concatenate([np.zeros(6), np.ones(_PER_CAMERA * len(cameras))])

    def solve(self, seen: SeenPoints, position: np.ndarray, orientation: np.ndarray) -> Solution:
        """Solves for one pose.

        Args:
            seen: points in the pictures.
            position: `[3]` m, a first guess.
            orientation: `[4]`, a first guess; it must be closer to the truth than to a pose that
                looks alike.
        """
        pose = np.asarray(position, float), np.asarray(orientation, float)
        scale = 1 / np.sqrt(np.asarray(seen.deviation, float) ** 2 + self._floor**2)
        weight = np.asarray(seen.weight, float)
        x, damping = np.zeros(len(self._prior)), _DAMPING

        def robust(view: _View) -> np.ndarray:
            """Cost of each point."""
            square = (((view.places - seen.place) * scale[..., None]) ** 2).sum(-1)
            return weight * self._cauchy**2 * np.log1p(square / self._cauchy**2)

        def cost(view: _View, x: np.ndarray) -> float:
            return float(robust(view).sum() + (self._prior * x**2).sum())

        def normal(view: _View, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            """Normal matrix and gradient of the reweighted problem."""
            off = (view.places - seen.place) * scale[..., None]
            share = weight / (1 + (off**2).sum(-1) / self._cauchy**2)
            rows = (self._slopes(view) * scale[..., None, None]).reshape(-1, len(x))
            weighted = np.repeat(share.ravel(), 2)[:, None] * rows
            matrix = rows.T @ weighted + np.diag(self._prior)
            return matrix, off.ravel() @ weighted + self._prior * x

        view = self._view(pose, x)
        before = cost(view, x)
        for _ in range(_ITERATIONS):
            matrix, gradient = normal(view, x)
            damped = matrix + damping * np.diag(np.diag(matrix) + 1e-6)
            tried = x - np.linalg.solve(damped, gradient)
            moved = _moved(pose, tried)
            tried[:6] = 0.0
            there = self._view(moved, tried)
            after = cost(there, tried)
            if after < before:
                pose, x, view, before, damping = moved, tried, there, after, damping / 10
            else:
                damping *= 10
        matrix = normal(view, x)[0] + 1e-6 * np.eye(len(x))
        variances = self._optimism**2 * np.diag(np.linalg.inv(matrix))
        return Solution(
            pose[0],
            rotations.canonical(pose[1] / np.linalg.norm(pose[1])),
            float(_METRES * np.sqrt(variances[:3].sum())),
            float(_RADIANS * np.sqrt(variances[3:6].sum())),
            (robust(view).sum(axis=1) + (x[6:].reshape(len(weight), -1) ** 2).sum(axis=1))
            / np.maximum(weight.sum(axis=1), 1.0),
        )

    def _view(self, pose: tuple[np.ndarray, np.ndarray], x: np.ndarray) -> _View:
        """All points in all cameras, for a pose and changes of the cameras."""
        change = x[6:].reshape(-1, _PER_CAMERA)
        turn = rotations.matrix(pose[1])
        where = np.concatenate([pose[0] + self._object @ turn.T, self._forearm])
        turned = self._deviations[1] * change[:, 3:6]
        axes = rotations.matrix(rotations.multiply(self._quaternion, _exponential(turned)))
        centre = self._position + self._deviations[0] * change[:, :3]
        half = np.radians(self._field_of_view + self._deviations[2] * change[:, 6]) / 2
        sight = (where - centre[:, None]) @ axes
        depth = -sight[..., 2] * np.tan(half)[:, None]
        return _View(
            turn, axes, turned, half, sight, depth, sight[..., :2] * _UP / depth[..., None]
        )

    def _slopes(self, view: _View) -> np.ndarray:
        """Derivatives of the places, `[camera, point, 2, unknown]`."""
        cameras, points = view.depth.shape
        # How points move with the pose: along with it, and about the object's axes.
        moving = np.zeros((points, 3, 6))
        moving[: len(self._object), :, :3] = _METRES * np.eye(3)
        moving[: len(self._object), :, 3:] = -_RADIANS * view.turn @ _cross(self._object)
        near = np.tan(view.half)[:, None, None]
        slope = np.zeros((cameras, points, 2, 3))  # of places by sight
        slope[..., 0, 0], slope[..., 1, 1] = 1 / view.depth, -1 / view.depth
        slope[..., 2] = view.places * near / view.depth[..., None]
        outwards = slope @ np.swapaxes(view.axes, 1, 2)[:, None]  # of places by points
        about = slope @ (_cross(view.sight) @ _jacobian(-view.turned)[:, None])
        widening = np.radians(self._deviations[2]) / (2 * np.cos(view.half) ** 2 * near[:, 0, 0])
        slopes = np.zeros((cameras, points, 2, len(self._prior)))
        slopes[..., :6] = outwards @ moving
        for row in range(cameras):
            own = slopes[row, :, :, 6 + _PER_CAMERA * row :]
            own[..., :3] = -self._deviations[0] * outwards[row]
            own[..., 3:6] = self._deviations[1] * about[row]
            own[..., 6] = -widening[row] * view.places[row]
        return slopes


class _View(NamedTuple):
    """Points in cameras, `[camera, point, ...]`.

    Attributes:
        turn: `[3, 3]`, the object's orientation.
        axes: `[camera, 3, 3]`, the cameras' orientations.
        turned: `[camera, 3]` rad, how far they are turned from their calibration.
        half: `[camera]` rad, half their fields of view.
        sight: `[..., 3]` m, points in the cameras' frames; cameras look along -z.
        depth: `[...]`, distances along the view, in half widths of a picture.
        places: `[..., 2]`, image positions.
    """

    turn: np.ndarray
    axes: np.ndarray
    turned: np.ndarray
    half: np.ndarray
    sight: np.ndarray
    depth: np.ndarray
    places: np.ndarray


def _moved(pose: tuple[np.ndarray, np.ndarray], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A pose after increments."""
    return pose[0] + _METRES * x[:3], rotations.multiply(pose[1], _exponential(_RADIANS * x[3:6]))


def _exponential(vectors: np.ndarray) -> np.ndarray:
    """The rotations by rotation vectors `[..., 3]` rad, `[..., 4]`."""
    angle = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled = 0.5 * np.sinc(angle / (2 * np.pi)) * vectors
    return np.concatenate([np.cos(angle / 2), scaled], axis=-1)


def _jacobian(vectors: np.ndarray) -> np.ndarray:
    """How far rotations turn for small changes of their vectors `[..., 3]`, `[..., 3, 3]`."""
    cross = _cross(vectors)
    return np.eye(3) + cross / 2 + cross @ cross / 6  # cameras turn by a few degrees


def _cross(vectors: np.ndarray) -> np.ndarray:
    """Matrices of the cross products with vectors `[..., 3]` from the left, `[..., 3, 3]`."""
    x, y, z = np.moveaxis(np.asarray(vectors, float), -1, 0)
    zero = np.zeros_like(x)
    rows = [[zero, -z, y], [z, zero, -x], [-y, x, zero]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
