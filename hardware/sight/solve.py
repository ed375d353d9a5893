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


class Seen(NamedTuple):
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
        self._view = np.array(fields_of_view, float)
        self._prior = np.concatenate([np.zeros(6), np.ones(_PER_CAMERA * len(cameras))])

    def solve(self, seen: Seen, position: np.ndarray, orientation: np.ndarray) -> Solution:
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

        def robust(pose: tuple[np.ndarray, np.ndarray], x: np.ndarray) -> np.ndarray:
            """Cost of each point."""
            square = (((self._places(pose, x)[0] - seen.place) * scale[..., None]) ** 2).sum(-1)
            return weight * self._cauchy**2 * np.log1p(square / self._cauchy**2)

        def cost(pose: tuple[np.ndarray, np.ndarray], x: np.ndarray) -> float:
            return float(robust(pose, x).sum() + (self._prior * x**2).sum())

        def normal(
            pose: tuple[np.ndarray, np.ndarray], x: np.ndarray
        ) -> tuple[np.ndarray, np.ndarray]:
            """Normal matrix and gradient of the reweighted problem."""
            places, slopes = self._places(pose, x)
            off = (places - seen.place) * scale[..., None]
            slopes = slopes * scale[..., None, None]
            share = weight / (1 + (off**2).sum(-1) / self._cauchy**2)
            rows = slopes.reshape(-1, len(x))
            shares = np.repeat(share.ravel(), 2)
            matrix = rows.T @ (shares[:, None] * rows) + np.diag(self._prior)
            return matrix, rows.T @ (shares * off.ravel()) + self._prior * x

        before = cost(pose, x)
        for _ in range(_ITERATIONS):
            matrix, gradient = normal(pose, x)
            damped = matrix + damping * np.diag(np.diag(matrix) + 1e-6)
            tried = x - np.linalg.solve(damped, gradient)
            moved = _moved(pose, tried)
            tried[:6] = 0.0
            after = cost(moved, tried)
            if after < before:
                pose, x, before, damping = moved, tried, after, damping / 10
            else:
                damping *= 10
        matrix = normal(pose, x)[0] + 1e-6 * np.eye(len(x))
        variances = self._optimism**2 * np.diag(np.linalg.inv(matrix))
        return Solution(
            pose[0],
            rotations.canonical(pose[1] / np.linalg.norm(pose[1])),
            float(_METRES * np.sqrt(variances[:3].sum())),
            float(_RADIANS * np.sqrt(variances[3:6].sum())),
            (robust(pose, x).sum(axis=1) + (x[6:].reshape(len(weight), -1) ** 2).sum(axis=1))
            / np.maximum(weight.sum(axis=1), 1.0),
        )

    def _places(
        self, pose: tuple[np.ndarray, np.ndarray], x: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Places of all points `[camera, point, 2]`, and their slopes `[..., unknown]`."""
        cameras, points = len(self._view), self.points
        position, orientation = pose
        turn = rotations.matrix(orientation)
        where = np.concatenate([position + self._object @ turn.T, self._forearm])
        # How points move with the pose: along with it, and about the object's axes.
        moving = np.zeros((points, 3, 6))
        moving[: len(self._object), :, :3] = _METRES * np.eye(3)
        moving[: len(self._object), :, 3:] = -_RADIANS * turn @ _cross(self._object)
        places = np.empty((cameras, points, 2))
        slopes = np.zeros((cameras, points, 2, len(x)))
        for row in range(cameras):
            first = 6 + _PER_CAMERA * row
            change = x[first : first + _PER_CAMERA]
            turned = self._deviations[1] * change[3:6]
            axes = rotations.matrix(rotations.multiply(self._quaternion[row], _exponential(turned)))
            centre = self._position[row] + self._deviations[0] * change[:3]
            view = np.radians(self._view[row] + self._deviations[2] * change[6]) / 2
            near = np.tan(view)
            sight = (where - centre) @ axes  # in the camera's frame; it looks along -z
            depth = -sight[:, 2] * near
            places[row] = sight[:, :2] * [1.0, -1.0] / depth[:, None]
            slope = np.zeros((points, 2, 3))  # of places by sight
            slope[:, 0, 0] = 1 / depth
            slope[:, 1, 1] = -1 / depth
            slope[:, :, 2] = places[row] * near / depth[:, None]
            slopes[row, :, :, :6] = slope @ (axes.T @ moving)
            slopes[row, :, :, first : first + 3] = -self._deviations[0] * slope @ axes.T
            about = _cross(sight) @ _jacobian(-turned)
            slopes[row, :, :, first + 3 : first + 6] = self._deviations[1] * slope @ about
            widening = np.radians(self._deviations[2]) / (2 * np.cos(view) ** 2 * near)
            slopes[row, :, :, first + 6] = -widening * places[row]
        return places, slopes


def _moved(pose: tuple[np.ndarray, np.ndarray], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A pose after increments."""
    return pose[0] + _METRES * x[:3], rotations.multiply(pose[1], _exponential(_RADIANS * x[3:6]))


def _exponential(vector: np.ndarray) -> np.ndarray:
    """The rotation by a rotation vector `[3]` rad, `[4]`."""
    angle = float(np.linalg.norm(vector))
    return np.concatenate([[np.cos(angle / 2)], 0.5 * np.sinc(angle / (2 * np.pi)) * vector])


def _jacobian(vector: np.ndarray) -> np.ndarray:
    """How far a rotation turns further for a small change of its vector `[3]`, `[3, 3]`."""
    cross = _cross(vector)
    return np.eye(3) + cross / 2 + cross @ cross / 6  # cameras turn by a few degrees


def _cross(vectors: np.ndarray) -> np.ndarray:
    """Matrices of the cross products with vectors `[..., 3]` from the left, `[..., 3, 3]`."""
    x, y, z = np.moveaxis(np.asarray(vectors, float), -1, 0)
    zero = np.zeros_like(x)
    rows = [[zero, -z, y], [z, zero, -x], [-y, x, zero]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
