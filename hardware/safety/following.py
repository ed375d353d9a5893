"""Checks from the readings whether the hand follows its commands."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hardware.base.messages import JointState
from hardware.safety.readings import seconds

LAG = 0.1  # s, time constant with which a free actuator follows its target
# Largest deviation from the expected position, as a share of the actuator's range, and the time (s)
# for which it may be exceeded: fingers push against what they hold. In simulation, good and random
# policies with a block in the hand stay near or below half of the first. PLAY is the least.
APART = ((0.6, 0.5), (0.35, 2.0))
PLAY = 0.2  # rad
FROZEN = 0.1  # s without any change of any reading, after ...
MOVED = 0.02  # rad of change in the commands


class Following:
    """Compares readings with commands.

    Args:
        actuators: actuator names.
        coupling: matrix from joint angles to actuator angles, `[20, 24]`.
        reach: widths of the actuators' ranges, `[20]` rad.
    """

    def __init__(self, actuators: Sequence[str], coupling: np.ndarray, reach: np.ndarray):
        self._actuators, self._coupling = actuators, coupling
        self._allowed = np.array([np.maximum(share * reach, PLAY) for share, _ in APART])
        self._patience = np.array([[duration] for _, duration in APART])
        self._expected: np.ndarray | None = None  # expected actuator angles
        self._commands: np.ndarray | None = None
        self._before: JointState | None = None  # the last reading
        self._since = np.empty_like(self._allowed)  # last time within each deviation
        self._anchor = np.zeros(len(reach))  # command at the last change of the readings
        self._moved: float | None = None  # when the commands left it
        self.fault = ""  # what is wrong now; empty if nothing is

    def start(self, targets: np.ndarray) -> None:
        """Starts from targets `[20]` rad that the hand has reached, ignoring earlier commands."""
        self._commands = self._anchor = targets
        self._expected, self._moved = None, None

    def command(self, targets: np.ndarray) -> None:
        """Records a command, `[20]` rad."""
        if self._commands is None:
            self._anchor = targets
        self._commands = targets

    def see(self, state: JointState) -> str:
        """Processes a reading of all joints.

        Returns:
            What is wrong; empty if nothing is.
        """
        before, self._before = self._before, state
        if before is None or self._commands is None or state.stamp <= before.stamp:
            return self.fault
        now = self._commands, before, state
        self.fault = self._frozen(*now) or self._astray(*now)
        return self.fault

    def _frozen(self, commands: np.ndarray, before: JointState, state: JointState) -> str:
        """Detects frozen sensors: those of a moving hand are noisy and change in every reading."""
        same = np.array_equal(state.position, before.position)
        if not (same and np.array_equal(state.velocity, before.velocity)):
            self._anchor, self._moved = commands, None
            return ""
        if self._moved is None and np.abs(commands - self._anchor).max() > MOVED:
            self._moved = state.stamp
        if self._moved is None or state.stamp - self._moved <= FROZEN:
            return ""
        still = seconds(state.stamp - self._moved)
        return f"joint states: no reading changed by a bit in {still}, and the hand was moved"

    def _astray(self, commands: np.ndarray, before: JointState, state: JointState) -> str:
        angles = self._coupling @ state.position
        if self._expected is None:
            self._expected, self._since[:] = angles, state.stamp
        share = 1 - np.exp(-(state.stamp - before.stamp) / LAG)
        self._expected = self._expected + share * (commands - self._expected)
        near = np.abs(angles - self._expected) <= self._allowed
        self._since[near] = state.stamp
        late = state.stamp - self._since
        astray = (late > self._patience).any(axis=0)
        if not astray.any():
            return ""
        worst = int(astray.argmax())
        return (
            f"{self._actuators[worst]} does not follow: for {seconds(late[:, worst].max())} it has "
            f"been far from where it was told to be; it is at {angles[worst]:.2f} rad, told "
            f"{commands[worst]:.2f}"
        )
