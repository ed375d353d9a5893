"""Joint readings, combined from messages and checked for plausibility.

A message may hold some of the joints, and joints of other hands. A message that cannot be a reading
of this hand is rejected as a whole, with a reason. From then on all readings are in doubt, however
plausible each is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hardware.base import shadow_hand
from hardware.base.messages import JointState

STALE = 0.1  # s
FUTURE = 0.02  # s by which a stamp may be ahead of the clock
BEYOND = 0.2  # rad beyond its range that a joint may read: play, soft stops, calibration
JUMP, SPEED = 0.2, 20.0  # rad, rad/s: largest change between readings, JUMP + SPEED * time


class Readings:
    """The last good reading of every joint.

    Args:
        joints: joint names; all arrays here follow their order.
    """

    def __init__(self, joints: Sequence[str]):
        self._names = tuple(joints)
        low, high = np.array([shadow_hand.RANGES[name] for name in joints]).T
        self._low, self._high = low - BEYOND, high + BEYOND
        count = len(joints)
        self._places: dict[tuple[str, ...], tuple[np.ndarray, np.ndarray]] = {}
        self._position, self._velocity = np.full(count, np.nan), np.full(count, np.nan)
        self._stamps = np.full(count, -np.inf)  # of good readings
        self._heard = np.full(count, -np.inf)  # of all readings, good or bad
        self._last: JointState | None = None  # last message with joints of this hand
        self.refused = ""  # why the last message was rejected; empty if it was accepted
        self.doubt = ""  # why readings are no longer trusted; empty while they are

    def take(self, message: JointState, now: float) -> str:
        """Processes a message.

        Args:
            message: joint names, positions (rad), velocities (rad/s) and stamp (s).
            now: present time, s.

        Returns:
            Why it is rejected; empty if it is accepted or holds none of the hand's joints.
        """
        theirs, ours = self._where(message.names)
        if not len(ours):
            return ""
        self._last = message
        self.refused = self._refusal(message, theirs, ours, now)
        if np.isfinite(message.stamp) and message.stamp <= now + FUTURE:
            self._heard[ours] = np.maximum(self._heard[ours], message.stamp)
        if not self.refused:
            self._position[ours] = np.asarray(message.position, float)[theirs]
            self._velocity[ours] = np.asarray(message.velocity, float)[theirs]
            self._stamps[ours] = message.stamp
        return self.refused

    def start_anew(self, now: float) -> None:
        """Forgets earlier readings, because something moved the hand; rereads the last message."""
        self._stamps[:] = self._heard[:] = -np.inf
        self._position[:] = np.nan
        self.doubt = ""
        if self._last is not None:
            self.take(self._last, now)

    def state(self) -> JointState | None:
        """Readings of all joints, with the oldest stamp; None until each joint was read."""
        stamp = float(self._stamps.min())
        if stamp == -np.inf:
            return None
        return JointState(stamp, self._names, self._position.copy(), self._velocity.copy())

    def missing(self) -> str:
        """Name of the joint whose reading is oldest or missing."""
        return self._names[int(self._stamps.argmin())]

    def _where(self, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the hand's joints in a message, and in the hand."""
        if names not in self._places:
            if len(self._places) > 16:  # a sender that keeps changing its names
                self._places.clear()
            ours = [index for index, name in enumerate(self._names) if name in names]
            theirs = [names.index(self._names[index]) for index in ours]
            self._places[names] = np.array(theirs, int), np.array(ours, int)
        return self._places[names]

    def _refusal(
        self, message: JointState, theirs: np.ndarray, ours: np.ndarray, now: float
    ) -> str:
        stamp, heard = message.stamp, float(self._heard[ours].max())
        for what, values in (("position", message.position), ("velocity", message.velocity)):
            if len(values) != len(message.names):
                return f"{len(message.names)} names and {len(values)} numbers of {what}"
            bad = np.flatnonzero(~np.isfinite(np.asarray(values, float)[theirs]))
            if bad.size:
                return f"the {what} of {self._names[ours[bad[0]]]} is not a finite number"
        if not np.isfinite(stamp) or stamp > now + FUTURE:
            return f"a stamp is {seconds(stamp - now)} ahead of the clock"
        if stamp == heard:
            return "one came twice"
        if stamp < heard:
            return "one came out of order"
        if now - stamp > STALE:
            return f"one is {seconds(now - stamp)} old"
        reason = self._implausible(np.asarray(message.position, float)[theirs], ours, stamp)
        self.doubt = reason or self.doubt
        return reason

    def _implausible(self, position: np.ndarray, ours: np.ndarray, stamp: float) -> str:
        """Returns why angles `[n]` rad cannot be readings of the joints `ours`; or empty."""
        low, high = self._low[ours], self._high[ours]
        outside = np.flatnonzero((position < low) | (position > high))
        if outside.size:
            worst = outside[0]
            return (
                f"{self._names[ours[worst]]} reads {position[worst]:.4g} rad and goes from "
                f"{low[worst] + BEYOND:.3g} to {high[worst] - BEYOND:.3g}"
            )
        if len(position) == len(self._names) and (position == position[0]).all():
            return f"all joints read {position[0]:g} rad, to the last bit"
        with np.errstate(invalid="ignore"):  # before a joint's first reading
            step = np.abs(position - self._position[ours])
            jumps = np.flatnonzero(step > JUMP + SPEED * (stamp - self._stamps[ours]))
        if jumps.size:
            worst = jumps[0]
            return (
                f"{self._names[ours[worst]]} jumps by {step[worst]:.2f} rad in "
                f"{seconds(stamp - self._stamps[ours[worst]])}"
            )
        return ""


def seconds(value: float) -> str:
    """Formats a duration given in s."""
    return f"{value * 1000:.0f} ms" if abs(value) < 1 else f"{value:.1f} s"
