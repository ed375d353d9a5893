"""The exported pose networks and the solution: three pictures in, the object's pose out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hardware.base import rotations
from hardware.base.errors import UserError
from hardware.bundle import graphs
from hardware.bundle.store import Bundle
from hardware.sight.cameras import Camera, rig
from hardware.sight.solve import SeenPoints, Solver


class Estimate(NamedTuple):
    """The pose that three pictures show.

    Attributes:
        position: `[3]` m, the object's centre in the frame of `rh_forearm`.
        orientation: `[4]`, its orientation in that frame, a unit quaternion with w >= 0.
        doubt: rad, how far the orientations that the pictures allow lie from the first look's: 0 if
            they allow one, about 2 if they allow all.
        position_deviation: m, estimated standard deviation of the distance to the truth.
        rotation_deviation: rad, the same of the angle.
        misfit: `[camera]`, how badly the pose explains what each camera shows, see
            `solve.Solution`.
    """

    position: np.ndarray
    orientation: np.ndarray
    doubt: float
    position_deviation: float
    rotation_deviation: float
    misfit: np.ndarray


class Look(NamedTuple):
    """What the networks say of three pictures.

    Attributes:
        position: `[3]` m, of the object, at a first look.
        matrix: `[3, 3]`, mean of the orientations that the pictures allow.
        seen: points in the pictures.
    """

    position: np.ndarray
    matrix: np.ndarray
    seen: SeenPoints


class Estimator:
    """The pose networks of a bundle.

    Args:
        bundle: a bundle with vision.
        cameras: the calibrated cameras, in the bundle's order; the bundle's if None.

    Raises:
        UserError: the networks do not fit the bundle's description.
    """

    def __init__(self, bundle: Bundle, cameras: Sequence[Camera] | None = None):
        vision = bundle.contract["vision"]
        known = rig(vision["cameras"])
        self._session = graphs.session(bundle.pose_network)
        # Pictures are cropped to the field of view that the networks know, see `cameras.Square`.
        fields_of_view = [camera.field_of_view for camera in known]
        self._solver = Solver(vision["geometry"], cameras or known, fields_of_view)
        shape = [1, len(known), self._solver.points, 2]
        if self._session.get_outputs()[2].shape != shape:
            raise UserError(
                f"the pose networks of the bundle {bundle.name!r} locate other points than "
                "bundle.json describes; export it again"
            )

    def look(self, pictures: np.ndarray) -> Look:
        """Runs the networks on pictures `[camera, size, size, 3]` uint8, in the bundle's order."""
        position, matrix, *seen = self._session.run(None, {"pictures": pictures[None]})
        return Look(position[0], matrix[0], SeenPoints(*(part[0] for part in seen)))

    def estimate(self, pictures: np.ndarray) -> Estimate:
        """The pose in pictures as for `look`."""
        look = self.look(pictures)
        orientation, doubt = rotations.nearest(look.matrix)
        solution = self._solver.solve(look.seen, look.position, orientation)
        return Estimate(
            solution.position,
            solution.orientation,
            doubt,
            solution.position_deviation,
            solution.rotation_deviation,
            solution.misfit,
        )
