"""What travels between a hand and its controller, whatever carries it.

Stamps are seconds on the clock of the robot that the message came from (`robot.Robot.now`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class JointState(NamedTuple):
    """One reading of the hand's sensors.

    Attributes:
        stamp: s.
        names: of the joints.
        position: `[joint]` rad.
        velocity: `[joint]` rad/s.
    """

    stamp: float
    names: tuple[str, ...]
    position: np.ndarray
    velocity: np.ndarray


class Pose(NamedTuple):
    """Where the object is.

    Attributes:
        stamp: s.
        frame: the name of the frame that it is given in.
        position: of the object's centre, `[3]` m.
        orientation: `[4]` (w, x, y, z).
    """

    stamp: float
    frame: str
    position: np.ndarray
    orientation: np.ndarray


class Fingertips(NamedTuple):
    """Where markers on the fingertips are.

    Attributes:
        stamp: s.
        frame: the name of the frame that they are given in.
        positions: of FF, MF, RF, LF and TH, `[5, 3]` m; NaN for those that are not seen.
    """

    stamp: float
    frame: str
    positions: np.ndarray


class Image(NamedTuple):
    """What a camera sees, as sensor_msgs/Image has it.

    Attributes:
        stamp: s, when it was taken.
        camera: its name in the rig.
        encoding: of the colours, such as `rgb8`.
        height, width: pixels.
        step: bytes of a row.
        data: `height * step` bytes.
    """

    stamp: float
    camera: str
    encoding: str
    height: int
    width: int
    step: int
    data: bytes
