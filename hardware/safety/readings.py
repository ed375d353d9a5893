"""What a hand's sensors say, joined from their messages, and whether that can be true.

A message may hold some of the joints only, and those of other hands. One whose numbers cannot be a
reading of this hand is left out as a whole, for a reason in words; what comes after it is in doubt,
however plausible it is by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hardware.base import shadow_hand
from hardware.base.messages import JointState

STALE = 0.1  # s
FUTURE = 0.02  # s that a stamp may be ahead of the clock
BEYOND = 0.2  # rad that a joint may read beyond its range: play, soft stops, calibration
JUMP, SPEED = 0.2, 20.0  # rad, rad/s: no joint gets further from a reading to the next


class Readings:
    """The last good reading of every joint.

    Args:
        joints: their names, in the order of everything here.
    """

    def __init__(self, joints: Sequence[str]):
        self._names = tuple(joints)
        low, high = np.array([shadow_hand.RANGES[name] for name in joints]).T
        self._low, self._high = low - BEYOND, high + BEYOND
        count = len(joints)
        self._places: dict[tuple[str, ...], tuple[np.ndarray, np.ndarray]] = {}
        self._position, self._velocity = np.full(count, np.nan), np.full(count, np.nan)
        self._stamps = np.full(count, -np.inf)  # of good readings
        self._heard = np.full(count, -np.inf)  # of readings, good or not
        self._last: JointState | None = None  # message that held joints of the hand
        self.refused = ""  # why the last message was left out; empty if it was not
        self.doubt = ""  # why readings are not to be believed from now on

    def take(self, message: JointState, now: float) -> str:
        """Takes a message.

        Returns:
            Why it is left out; empty if it is not, or if it holds none of the hand's joints.
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
        """The hand was put elsewhere: what the last message reads need not follow from before."""
        self._stamps[:] = self._heard[:] = -np.inf
        self._position[:] = np.nan
        self.doubt = ""
        if self._last is not None:
            self.take(self._last, now)

    def state(self) -> JointState | None:
        """All joints, stamped as the oldest of them; None until each has been read."""
        stamp = float(self._stamps.min())
        if stamp == -np.inf:
            return None
        return JointState(stamp, self._names, self._position.copy(), self._velocity.copy())

    def missing(self) -> str:
        """The joint that was read longest ago, or never."""
        return self._names[int(self._stamps.argmin())]

    def _where(self, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Where a message has joints of the hand, and which they are."""
        if names not in self._places:
            if len(self._places) > 16:  # whoever changes names for ever
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
        """Why no hand of this kind reads such angles then, if it does not."""
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
    """A duration in words."""
    return f"{value * 1000:.0f} ms" if abs(value) < 1 else f"{value:.1f} s"
