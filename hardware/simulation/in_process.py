"""A simulated hand in the process of its controller, whose time passes while that waits.

The same calls give the same bits.
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
    """A `robot.Robot` that simulates while somebody waits for it.

    Args:
        simulated: the hand.
        delay_s: of all it reports, s.
        assistant: who puts the object back; None leaves it where it falls.
        cameras: that look at it, if any.
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
        """See `robot.Robot`; nobody asks a simulation to stop."""
        self._listeners = to

    def limits(self) -> None:
        """See `robot.Robot`; a simulation has those of its bundle."""

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
        """Sends what the sensors read now, and delivers what has been on its way long enough."""
        for reading in self._readings.pass_on():
            self._listeners.joint_state(reading.joints)
            if reading.pose is not None:
                self._listeners.pose(reading.pose)
            self._listeners.fingertips(reading.tips)
        if self._cameras is not None:
            for image in self._cameras.pass_on():
                self._listeners.image(image)
