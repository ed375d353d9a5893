"""Messages between a hand and its controller, independent of the transport.

Stamps are seconds on the clock of the robot that sent the message (`robot.Robot.now`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class JointState(NamedTuple):
    """One reading of the hand's sensors.

    Attributes:
        stamp: s.
        names: names of the joints.
        position: `[joint]` rad.
        velocity: `[joint]` rad/s.
    """

    stamp: float
    names: tuple[str, ...]
    position: np.ndarray
    velocity: np.ndarray


class Pose(NamedTuple):
    """The object's pose.

    Attributes:
        stamp: s.
        frame: name of the frame of position and orientation.
        position: position of the object's centre, `[3]` m.
        orientation: `[4]` (w, x, y, z).
    """

    stamp: float
    frame: str
    position: np.ndarray
    orientation: np.ndarray


class Fingertips(NamedTuple):
    """Positions of markers on the fingertips.

    Attributes:
        stamp: s.
        frame: name of the frame of the positions.
        positions: positions of FF, MF, RF, LF and TH, `[5, 3]` m; NaN where a marker is not seen.
    """

    stamp: float
    frame: str
    positions: np.ndarray


class Image(NamedTuple):
    """A camera's picture, with the fields of sensor_msgs/Image.

    Attributes:
        stamp: time of the exposure, s.
        camera: the camera's name in the rig.
        encoding: encoding of the colours, such as `rgb8`.
        height, width: size, pixels.
        step: bytes per row.
        data: `height * step` bytes.
    """

    stamp: float
    camera: str
    encoding: str
    height: int
    width: int
    step: int
    data: bytes
