"""What stands between every controller and the hand, always.

A `Guard` is the only thing that sends commands. It keeps them within limits of position and rate,
and holds the hand, for a reason in words, as soon as what it hears is stale or makes no sense, or
somebody says stop. Its `check` is to be called on a thread of its own (`robot.Robot.every`), so
that it acts when the controller hangs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping

import numpy as np

from hardware.base.messages import JointState
from hardware.bundle.store import Bundle

CHECK_PERIOD = 0.02  # s
JOINTS_STALE = 0.1  # s
SIGHT_STALE = 2.0  # s, of what a tracker sees
COMMANDS_STALE = 0.2  # s without a command, in a trial
FUTURE = 0.02  # s that a stamp may be ahead of the clock
BLEND_RATE = 0.5  # rad/s, of any actuator on its way to a posture
ROUNDING = 1e-6  # rad by which float32 may miss a limit
LEAST_PERIOD = 0.9  # share of a control step that passes between two commands at least


class Guard:
    """Limits and a watchdog for one hand.

    Args:
        bundle: limits, rates and names.
        now: the robot's clock, s.
        send: commands the actuators, `[20]` rad; nobody else may call it.
        ages: seconds since something was seen, by its name, at a time.
        on_event: told about everything that the guard does, in words.
        on_command: told what was sent, `[20]` rad.
    """

    def __init__(
        self,
        bundle: Bundle,
        now: Callable[[], float],
        send: Callable[[np.ndarray], None],
        ages: Mapping[str, Callable[[float], float]],
        on_event: Callable[[str], None],
        on_command: Callable[[np.ndarray], None],
    ):
        self._now, self._robot_send, self._ages = now, send, ages
        self._event, self._on_command = on_event, on_command
        self._names = bundle.joints
        self._actuators = bundle.actuators
        self._coupling = bundle.coupling
        self._low, self._high = bundle.limits.T
        self._max_rates, self._period = bundle.max_rates, bundle.control_dt
        self._lock = threading.RLock()
        self._known: tuple[tuple[str, ...], list[int]] = (), []  # where the joints are in messages
        self._heard: float | None = None  # the last joint state's stamp, good or not
        self._joints: JointState | None = None  # the last good one
        self._targets: np.ndarray | None = None  # that were sent last
        self._sent = self._began = float("-inf")  # when, and when a controller took over
        self._running = False
        self._needs: Collection[str] = ()
        self._reason = ""  # why the hand is held
        self._unseen = ""  # what is not seen, if that is why
        self._stopped = False
        self._limited = False

    @property
    def fault(self) -> str:
        """Why the hand is held, in words; empty while it is not."""
        return self._reason

    @property
    def unseen(self) -> str:
        """What was not seen for too long, by its name, if that is why the hand is held."""
        return self._unseen

    @property
    def stopped(self) -> bool:
        """Whether somebody said stop; a stopped guard never sends again."""
        return self._stopped

    def joints(self) -> JointState | None:
        """The last good reading, in the bundle's order; None before the first."""
        with self._lock:
            return self._joints

    def targets(self) -> np.ndarray:
        """The last command since `begin`, `[20]` rad; before the first, where the hand is.

        Raises:
            RuntimeError: nothing was heard of the hand yet; `begin` says so first.
        """
        with self._lock:
            if self._targets is not None:
                return self._targets
            if self._joints is None:
                raise RuntimeError("nothing was heard of the hand yet")
            return np.clip(self._coupling @ self._joints.position, self._low, self._high)

    def on_joint_state(self, message: JointState) -> None:
        """Takes a message; one that makes no sense holds the hand."""
        with self._lock:
            now = self._now()
            order, reason = self._read(message, now)
            if reason:
                self.hold(f"joint states: {reason}")
            else:
                self._joints = JointState(
                    message.stamp,
                    tuple(self._names),
                    np.asarray(message.position, float)[order],
                    np.asarray(message.velocity, float)[order],
                )
            if np.isfinite(message.stamp) and message.stamp <= now + FUTURE:
                self._heard = max(message.stamp, self._heard or message.stamp)

    def begin(self, *, needs: Collection[str] = (), targets: np.ndarray | None = None) -> bool:
        """From here on a controller commands, and silence of any side holds the hand.

        Args:
            needs: names of what must be seen.
            targets: that the hand has now, `[20]` rad; by default it starts from where it is,
                whatever became of earlier commands in the meantime.

        Returns:
            Whether it may: not once stopped, nor while nothing good is heard of the hand.
        """
        with self._lock:
            self._reason = self._reason if self._stopped else ""
            self._unseen = ""
            self._running, self._needs = not self._stopped, needs
            self._targets = None if targets is None else np.asarray(targets, float)
            self._began = self._now()
            self.check()
            return not self._reason

    def end(self) -> None:
        """The controller stops commanding; the hand keeps its last command."""
        with self._lock:
            self._running = False

    def command(self, targets: np.ndarray) -> bool:
        """Sends targets, as far as limits of position and rate allow.

        A command may move an actuator by what its rate allows in the time since the last one, and
        at most in a control step: pauses are not made up for.

        Args:
            targets: `[20]` rad.

        Returns:
            Whether the controller may go on; False holds, see `fault`.
        """
        with self._lock:
            self.check()
            if not self._running or self._reason:
                return False
            last = self.targets()
            if targets.shape != last.shape or not np.isfinite(targets).all():
                self.hold("the controller's targets are not finite numbers")
                return False
            now = self._now()
            move = self._max_rates * min(max(now - self._sent, 0.0), self._period)
            allowed = np.clip(targets, self._low - ROUNDING, self._high + ROUNDING)
            allowed = np.clip(allowed, last - move, last + move)
            self._report_limits(targets, allowed)
            self._targets, self._sent = allowed, now
            self._send(allowed)
            return True

    def check(self) -> None:
        """Holds the hand if anything has been silent for too long; the watchdog's call."""
        with self._lock:
            if not self._running or self._reason:
                return
            now = self._now()
            unseen = [name for name in self._needs if self._ages[name](now) > SIGHT_STALE]
            if self._joints is None:
                self.hold("joint states: no good one has come")
            elif now - self._joints.stamp > JOINTS_STALE:
                age = _seconds(now - self._joints.stamp)
                self.hold(f"joint states: the last good one is {age} old")
            elif unseen:
                last = self._ages[unseen[0]](now)
                seen = f"last seen {_seconds(last)} ago" if last < float("inf") else "never seen"
                self._unseen = unseen[0]
                self.hold(f"{unseen[0]}: {seen}")
            elif now - max(self._sent, self._began) > COMMANDS_STALE:
                silent = _seconds(now - max(self._sent, self._began))
                self.hold(f"the controller has been silent for {silent}")

    def hold(self, reason: str) -> None:
        """Holds the hand if a controller runs that is not held already.

        Args:
            reason: in words.
        """
        with self._lock:
            if self._running and not self._reason:
                self._freeze(reason)

    def stop(self, by: str) -> None:
        """Holds the hand for good.

        Args:
            by: who said so.
        """
        with self._lock:
            if not self._stopped:
                self._stopped = True
                self._freeze(f"stopped by {by}")

    def _freeze(self, reason: str) -> None:
        """Nothing but the last command from here on: the hand keeps its grip and moves no more."""
        self._reason = reason
        if self._targets is not None:
            self._send(self._targets)
        self._event(f"holding: {reason}")

    def _send(self, targets: np.ndarray) -> None:
        """The one place from which a hand is commanded."""
        self._robot_send(targets)
        self._on_command(targets)

    def _read(self, message: JointState, now: float) -> tuple[list[int], str]:
        """Where the joints are in a message, and what is wrong with it, if anything."""
        if message.names != self._known[0]:
            missing = [name for name in self._names if name not in message.names]
            if missing:
                return [], f"{missing[0]} is missing"
            order = [message.names.index(name) for name in self._names]
            self._known = message.names, order
        order = self._known[1]
        for what, values in (("position", message.position), ("velocity", message.velocity)):
            if len(values) != len(message.names):
                return [], f"{len(message.names)} names and {len(values)} numbers of {what}"
            bad = np.flatnonzero(~np.isfinite(np.asarray(values, float)[order]))
            if bad.size:
                return [], f"the {what} of {self._names[bad[0]]} is not a finite number"
        if not np.isfinite(message.stamp) or message.stamp > now + FUTURE:
            return [], f"a stamp is {_seconds(message.stamp - now)} ahead of the clock"
        if self._heard is not None and message.stamp == self._heard:
            return [], "one came twice"
        if self._heard is not None and message.stamp < self._heard:
            return [], "one came out of order"
        if now - message.stamp > JOINTS_STALE:
            return [], f"one is {_seconds(now - message.stamp)} old"
        return order, ""

    def _report_limits(self, asked: np.ndarray, allowed: np.ndarray) -> None:
        """Says when a command begins to be limited."""
        excess = np.abs(asked - allowed)
        worst, limited = int(np.argmax(excess)), bool(excess.max() > ROUNDING)
        if limited and not self._limited:
            self._event(
                f"limited: {self._actuators[worst]} was asked for {asked[worst]:.3f} rad and gets "
                f"{allowed[worst]:.3f}"
            )
        self._limited = limited


def next_due(due: float, now: float, period: float) -> float:
    """When the next command is due, s: a period after this one was, unless that is too soon.

    After a late one the rhythm starts anew. What was missed is not made up for in a burst, and
    between commands is the time in which the fastest rates allow for the largest one.

    Args:
        due: when this command was, s.
        now: when it is done, s.
        period: s.
    """
    return max(due + period, now + LEAST_PERIOD * period)


def blend(start: np.ndarray, goal: np.ndarray, elapsed: float) -> np.ndarray:
    """Targets on the straight way from a posture to another, no actuator above `BLEND_RATE`.

    Args:
        start, goal: `[20]` rad.
        elapsed: s since the start.
    """
    duration = np.abs(goal - start).max() / BLEND_RATE
    return start + (goal - start) * min(elapsed / max(duration, 1e-9), 1.0)


def _seconds(value: float) -> str:
    return f"{value * 1000:.0f} ms" if abs(value) < 1 else f"{value:.1f} s"
