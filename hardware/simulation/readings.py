"""What a simulated hand's sensors report, some time later."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from hardware.base.messages import Fingertips, JointState, Pose
from hardware.simulation.hand import SimulatedHand


class Reading(NamedTuple):
    """What all sensors read at one time; no pose where the tracker sees nothing."""

    time: float
    joints: JointState
    pose: Pose | None
    tips: Fingertips


class DelayedReadings:
    """Readings in the order they were made, each delivered after the same time.

    Args:
        simulated: the hand.
        delay_s: that readings take, s.
    """

    def __init__(self, simulated: SimulatedHand, delay_s: float):
        self._hand, self._delay = simulated, delay_s
        self._on_its_way: deque[Reading] = deque()

    def pass_on(self) -> Iterator[Reading]:
        """Reads the sensors, and delivers what has been on its way long enough."""
        hand = self._hand
        reading = Reading(hand.time, hand.joint_state(), hand.pose(), hand.fingertips())
        self._on_its_way.append(reading)
        while self._on_its_way and self._on_its_way[0].time <= hand.time - self._delay + 1e-9:
            yield self._on_its_way.popleft()
