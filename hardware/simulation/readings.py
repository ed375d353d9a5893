"""Delayed readings of a simulated hand's sensors."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from hardware.base.messages import Fingertips, JointState, Pose
from hardware.simulation.hand import SimulatedHand


class Reading(NamedTuple):
    """Readings of all sensors at one time; the pose is None if it was lost."""

    time: float
    joints: JointState
    pose: Pose | None
    tips: Fingertips


class DelayedReadings:
    """Delivers readings in order, all with the same delay.

    Args:
        simulated: the hand.
        delay_s: delay, s.
    """

    def __init__(self, simulated: SimulatedHand, delay_s: float):
        self._hand, self._delay = simulated, delay_s
        self._on_its_way: deque[Reading] = deque()

    def pass_on(self) -> Iterator[Reading]:
        """Reads the sensors, and yields the readings whose delay has passed."""
        hand = self._hand
        reading = Reading(hand.time, hand.joint_state(), hand.pose(), hand.fingertips())
        self._on_its_way.append(reading)
        while self._on_its_way and self._on_its_way[0].time <= hand.time - self._delay + 1e-9:
            yield self._on_its_way.popleft()
