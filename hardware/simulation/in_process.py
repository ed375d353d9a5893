"""A simulated hand in the controller's process; its time passes while the controller waits.

It is deterministic: the same calls give the same bits.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

import numpy as np

from hardware.robots.robot import Listeners
from hardware.simulation.assistant import Assistant
from hardware.simulation.cameras import DelayedCameras
from hardware.simulation.hand import PERIOD, SimulatedHand
from hardware.simulation.readings import DelayedReadings


class InProcess:
    """A `robot.Robot` that simulates during `wait_until`.

    Args:
        simulated: the hand.
        delay_s: delay of all readings, s.
        assistant: puts the object back after a drop; None leaves it where it falls.
        cameras: cameras of the hand; None without any.
    """

    def __init__(
        self,
        simulated: SimulatedHand,
        delay_s: float = 0.0,
        assistant: Assistant | None = None,
        cameras: DelayedCameras | None = None,
    ):
        self._hand, self._assistant = simulated, assistant
        self._readings = DelayedReadings(simulated, delay_s)
        self._cameras = cameras
        self._calls: list[tuple[float, int, float, Callable[[], None]]] = []
        self._order = itertools.count()

    def now(self) -> float:
        """See `robot.Robot`."""
        return self._hand.time

    def wait_until(self, time: float) -> None:
        """See `robot.Robot`."""
        ticks = round((time - self._hand.time) / PERIOD)
        for left in range(ticks, 0, -1):
            self._hand.tick()
            if left == 1:
                self._hand.round()
            if self._assistant is not None:
                self._assistant.look()
            self.report()
            while self._calls and self._calls[0][0] <= self._hand.time + 1e-9:
                due, _, period, call = heapq.heappop(self._calls)
                heapq.heappush(self._calls, (due + period, next(self._order), period, call))
                call()

    def every(self, period: float, call: Callable[[], None]) -> None:
        """See `robot.Robot`."""
        heapq.heappush(self._calls, (self.now() + period, next(self._order), period, call))

    def listen(self, to: Listeners) -> None:
        """See `robot.Robot`; there are no requests to stop."""
        self._listeners = to

    def limits(self) -> None:
        """See `robot.Robot`; None, since the limits are the bundle's."""

    def trouble(self) -> str:
        """See `robot.Robot`; there is never any."""
        return ""

    def send(self, targets: np.ndarray) -> None:
        """See `robot.Robot`."""
        self._hand.command(targets)

    def close(self) -> None:
        """See `robot.Robot`."""
        self._calls.clear()

    def report(self) -> None:
        """Reads the sensors, and delivers readings and pictures whose delay has passed."""
        for reading in self._readings.pass_on():
            self._listeners.joint_state(reading.joints)
            if reading.pose is not None:
                self._listeners.pose(reading.pose)
            self._listeners.fingertips(reading.tips)
        if self._cameras is not None:
            for image in self._cameras.pass_on():
                self._listeners.image(image)
