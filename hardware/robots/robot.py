"""The interface to a hand, the same over ROS and in process."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from hardware.base.messages import Fingertips, Image, JointState, Pose
from hardware.safety.limits import Limits


class Listeners(NamedTuple):
    """Callbacks for a hand's messages.

    Attributes:
        joint_state, pose, fingertips, image: each called with a reading.
        stop: called with the source of a request to stop.
    """

    joint_state: Callable[[JointState], None]
    pose: Callable[[Pose], None]
    fingertips: Callable[[Fingertips], None]
    stop: Callable[[str], None]
    image: Callable[[Image], None]


class Robot(Protocol):
    """A hand, its tracker or its cameras, and its clock."""

    def now(self) -> float:
        """The time on the clock that stamps messages, s."""

    def wait_until(self, time: float) -> None:
        """Waits until `now` reaches a time; returns at once if it has passed."""

    def every(self, period: float, call: Callable[[], None]) -> None:
        """Calls a function every `period` seconds, even while the control loop hangs."""

    def listen(self, to: Listeners) -> None:
        """Starts to deliver messages as they arrive."""

    def limits(self) -> Limits | None:
        """The actuators' limits that the hand itself reports; None if it reports none."""

    def trouble(self) -> str:
        """The reason why the hand must not be commanded now; empty if it may. Called often."""

    def send(self, targets: np.ndarray) -> None:
        """Commands all actuators, `[20]` rad in the bundle's order."""

    def close(self) -> None:
        """Ends all deliveries and periodic calls."""
