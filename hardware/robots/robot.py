"""What a hand is to the programs that drive it: one interface, over ROS or in process."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from hardware.base.messages import Fingertips, Image, JointState, Pose
from hardware.safety.limits import Limits


class Listeners(NamedTuple):
    """Who takes a hand's messages, one by one.

    Attributes:
        joint_state, pose, fingertips, image: take readings.
        stop: takes a request to stop, with who asked.
    """

    joint_state: Callable[[JointState], None]
    pose: Callable[[Pose], None]
    fingertips: Callable[[Fingertips], None]
    stop: Callable[[str], None]
    image: Callable[[Image], None]


class Robot(Protocol):
    """A hand, its tracker or its cameras, and its clock."""

    def now(self) -> float:
        """Seconds, on the clock that stamps messages."""

    def wait_until(self, time: float) -> None:
        """Returns at a time of `now`; at once if it is past."""

    def every(self, period: float, call: Callable[[], None]) -> None:
        """Calls a function every `period` seconds, whatever the caller of `wait_until` does."""

    def listen(self, to: Listeners) -> None:
        """Delivers messages as they come."""

    def limits(self) -> Limits | None:
        """What the hand says of its own actuators' limits; None if it says nothing."""

    def trouble(self) -> str:
        """Why the hand cannot be commanded now, in words; empty if it can. To be asked often."""

    def send(self, targets: np.ndarray) -> None:
        """Commands all actuators, `[20]` rad in the bundle's order."""

    def close(self) -> None:
        """Ends all deliveries and calls."""
