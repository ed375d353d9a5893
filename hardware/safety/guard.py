"""The guard: the only code that sends commands to a hand.

A `Guard` limits the position and rate of commands, also between controllers. It holds the hand, and
says why, when readings are stale, implausible or do not follow the commands, or when somebody says
stop. Call its `check` from a separate thread (`robot.Robot.every`), so that it also acts when the
controller hangs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import numpy as np

from hardware.base.messages import JointState
from hardware.bundle.store import Bundle
from hardware.safety import limits
from hardware.safety.following import Following
from hardware.safety.limits import Limits
from hardware.safety.readings import STALE, Readings, seconds

CHECK_PERIOD = 0.02  # s
COMMANDS_STALE = 0.2  # s without a command while a controller runs
ROUNDING = 1e-6  # rad, rounding error of float32 at a limit


class Watched(NamedTuple):
    """Something that must be seen while a controller runs.

    Attributes:
        age: returns the seconds since it was last seen, given the time.
        patience: maximum age, s.
        refused: returns why the last message about it was rejected; empty if it was accepted.
    """

    age: Callable[[float], float]
    patience: float
    refused: Callable[[], str] = lambda: ""


class Guard:
    """Limits and a watchdog for one hand.

    Args:
        bundle: names, coupling and control step.
        allowed: limits of the commands; the maker's limits always apply as well.
        now: returns the robot's time, s.
        send: commands the actuators, `[20]` rad; nothing else may call it.
        watched: what a controller may need to see, by name.
        trouble: returns why the hand must not be commanded now; empty if it may.
        on_event: called with a description of each of the guard's actions.
        on_command: called with each command sent, `[20]` rad.
    """

    def __init__(
        self,
        bundle: Bundle,
        allowed: Limits,
        now: Callable[[], float],
        send: Callable[[np.ndarray], None],
        watched: Mapping[str, Watched],
        trouble: Callable[[], str],
        on_event: Callable[[str], None],
        on_command: Callable[[np.ndarray], None],
    ):
        self._now, self._robot_send, self._watched = now, send, watched
        self._trouble, self._event, self._on_command = trouble, on_event, on_command
        self._actuators, self._coupling = bundle.actuators, bundle.coupling
        self._limits = limits.smallest(limits.of_maker(), allowed)
        self._period = bundle.control_dt
        self._lock = threading.RLock()
        self._readings = Readings(bundle.joints)
        self._following = Following(
            self._actuators, self._coupling, self._limits.high - self._limits.low
        )
        self._joints: JointState | None = None  # the last good reading
        self._targets: np.ndarray | None = None  # last command, of any controller
        self._sent = self._began = float("-inf")  # times of last command and start
        self._running = False
        self._needs: Collection[str] = ()
        self._reason = ""  # why the hand is held
        self._unseen = ""  # name of what was not seen, if that is why
        self._stopped = False
        self._limited = False

    @property
    def fault(self) -> str:
        """Reason why the hand is held; empty while it is not."""
        return self._reason

    @property
    def unseen(self) -> str:
        """Name of what was not seen for too long, if that is why the hand is held."""
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
        """The last command, `[20]` rad; before the first, the hand's measured position.

        Raises:
            RuntimeError: no reading has arrived yet; `begin` reports this first.
        """
        with self._lock:
            if self._targets is not None:
                return self._targets
            if self._joints is None:
                raise RuntimeError("nothing was heard of the hand yet")
            return self._clipped(self._coupling @ self._joints.position)

    def on_joint_state(self, message: JointState) -> None:
        """Processes a message; an implausible one holds the hand."""
        with self._lock:
            reason = self._readings.take(message, self._now())
            if reason:
                self.hold(f"joint states: {reason}")
                return
            state = self._readings.state()
            if state is None or (self._joints is not None and state.stamp <= self._joints.stamp):
                return  # some joints are still missing
            self._joints = state
            fault = self._following.see(state)
            if fault:
                self.hold(fault)

    def begin(self, *, needs: Collection[str] = (), targets: np.ndarray | None = None) -> bool:
        """Lets a controller command the hand; from now on, silence of either side holds it.

        The first command starts from the previous one, whichever controller sent it and whatever
        the sensors read. Without a previous command it starts from the measured position.

        Args:
            needs: names of what the controller must see.
            targets: the hand's present targets, `[20]` rad, if something else moved it there.

        Returns:
            Whether the controller may command. It may not after a stop, while anything is wrong, or
            if the hand is held and `end` was not called.
        """
        with self._lock:
            if self._stopped or (self._running and self._reason):
                return False
            self._reason = self._unseen = ""
            self._running, self._needs = True, needs
            if targets is not None and np.isfinite(targets).all():
                self._targets = np.asarray(targets, float)
                self._following.start(self._targets)
                self._readings.start_anew(self._now())
                self._joints = self._readings.state()
            self._began = self._now()
            self.check()
            return not self._reason

    def end(self) -> None:
        """Ends the controller's turn; the hand keeps its last command."""
        with self._lock:
            self._running = False

    def command(self, targets: np.ndarray) -> bool:
        """Sends targets within the limits of position and rate.

        The rate limits apply to the time since the last command, but to no more than one control
        step: a pause allows no larger move.

        Args:
            targets: requested targets, `[20]` rad.

        Returns:
            Whether the controller may continue; if not, the hand is held, see `fault`.
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
            move = self._limits.rates * min(max(now - self._sent, 0.0), self._period)
            allowed = np.clip(self._clipped(targets, ROUNDING), last - move, last + move)
            if not np.isfinite(allowed).all():
                self.hold("the command would be no finite number")
                return False
            self._report_limits(targets, allowed)
            self._targets, self._sent = allowed, now
            self._send(allowed)
            return True

    def check(self) -> None:
        """The watchdog: holds the hand if anything is wrong or silent for too long."""
        with self._lock:
            if not self._running or self._reason:
                return
            now = self._now()
            trouble = self._trouble() or self._unheard(now) or self._following.fault
            if trouble:
                self.hold(trouble)
                return
            for name in self._needs:
                age, patience, refused = self._watched[name]
                last = age(now)
                if last > patience:
                    seen = f"last seen {seconds(last)} ago" if np.isfinite(last) else "never seen"
                    self._unseen = name
                    self.hold(f"{name}: {seen}{because(refused())}")
                    return
            silent = now - max(self._sent, self._began)
            if silent > COMMANDS_STALE:
                self.hold(f"the controller has been silent for {seconds(silent)}")

    def hold(self, reason: str) -> None:
        """Holds the hand if a controller runs and the hand is not held already.

        Args:
            reason: reason, as shown to the user.
        """
        with self._lock:
            if self._running and not self._reason:
                self._freeze(reason)

    def stop(self, by: str) -> None:
        """Holds the hand permanently.

        Args:
            by: what requested the stop.
        """
        with self._lock:
            if not self._stopped:
                self._stopped = True
                self._freeze(f"stopped by {by}")

    def _freeze(self, reason: str) -> None:
        """Repeats the last command once and sends nothing more: the hand keeps its grip."""
        self._reason = reason
        if self._targets is not None:
            self._send(self._targets)
        self._event(f"holding: {reason}")

    def _send(self, targets: np.ndarray) -> None:
        """Sends a command; nothing else calls `send`."""
        self._following.command(targets)
        self._robot_send(targets)
        self._on_command(targets)

    def _clipped(self, targets: np.ndarray, by: float = 0.0) -> np.ndarray:
        return np.clip(targets, self._limits.low - by, self._limits.high + by)

    def _unheard(self, now: float) -> str:
        """Returns what is wrong with the joint readings; empty if nothing is."""
        why = because(self._readings.refused)
        if self._joints is None:
            missing = self._readings.missing()
            return f"joint states: no good one has come, of {missing} for one{why}"
        if now - self._joints.stamp > STALE:
            missing, age = self._readings.missing(), seconds(now - self._joints.stamp)
            return f"joint states: the last good one of {missing} is {age} old{why}"
        return f"joint states: {self._readings.doubt}" if self._readings.doubt else ""

    def _report_limits(self, asked: np.ndarray, allowed: np.ndarray) -> None:
        """Reports the first of a series of limited commands."""
        excess = np.abs(asked - allowed)
        worst, limited = int(np.argmax(excess)), bool(excess.max() > ROUNDING)
        if limited and not self._limited:
            self._event(
                f"limited: {self._actuators[worst]} was asked for {asked[worst]:.3f} rad and gets "
                f"{allowed[worst]:.3f}"
            )
        self._limited = limited


def because(refused: str) -> str:
    """Returns a note on why the last message was rejected; empty if it was accepted."""
    return f" (the last message was left out: {refused})" if refused else ""
