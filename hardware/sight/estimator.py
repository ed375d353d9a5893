"""The exported pose network: three pictures in, the object's pose out, with how sure it is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hardware.base import rotations
from hardware.bundle import graphs
from hardware.bundle.store import Bundle


class Estimate(NamedTuple):
    """What three pictures say of the object.

    Attributes:
        position: of its centre, `[3]` m in `rh_forearm`.
        matrix: mean of the orientations that the pictures leave possible, `[3, 3]`.
        orientation: the one next to it, `[4]`, a unit quaternion with w >= 0.
        doubt: how far the orientations that the pictures leave possible lie from `orientation`,
            rad: 0 where they leave no other, about 2 where they leave all.
    """

    position: np.ndarray
    matrix: np.ndarray
    orientation: np.ndarray
    doubt: float


class Estimator:
    """The pose network of a bundle.

    Args:
        bundle: that has one.
    """

    def __init__(self, bundle: Bundle):
        self._session = graphs.session(bundle.pose_network)

    def estimate(self, pictures: np.ndarray) -> Estimate:
        """The pose that pictures show.

        Args:
            pictures: `[camera, size, size, 3]` uint8, cameras in the bundle's order.
        """
        position, matrix = self._session.run(None, {"pictures": pictures[None]})
        orientation, doubt = rotations.nearest(matrix[0])
        return Estimate(position[0].astype(float), matrix[0].astype(float), orientation, doubt)
