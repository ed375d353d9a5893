"""What alone sends commands to a hand, whoever computes them.

A `Guard` keeps commands within limits of position and rate, also from one controller to the next,
and holds the hand, for a reason in words, as soon as what it hears is stale, makes no sense or does
not fit what it told the hand, or somebody says stop. Its `check` is to be called on a thread of its
own (`robot.Robot.every`), so that it acts when the controller hangs.
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
COMMANDS_STALE = 0.2  # s without a command, in a trial
ROUNDING = 1e-6  # rad by which float32 may miss a limit


class Watched(NamedTuple):
    """Something that must be seen while a controller runs.

    Attributes:
        age: seconds since it was seen last, at a time.
        patience: s, how old that may be.
        refused: why the last message about it was left out; empty if it was not.
    """

    age: Callable[[float], float]
    patience: float
    refused: Callable[[], str] = lambda: ""


class Guard:
    """Limits and a watchdog for one hand.

    Args:
        bundle: names, coupling and control step.
        allowed: limits of what is sent; those of the maker hold in any case.
        now: the robot's clock, s.
        send: commands the actuators, `[20]` rad; nobody else may call it.
        watched: what may have to be seen, by its name.
        trouble: why the hand cannot be commanded now, whatever it says; empty if it can.
        on_event: told about everything that the guard does, in words.
        on_command: told what was sent, `[20]` rad.
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
        self._targets: np.ndarray | None = None  # that were sent last, by whichever controller
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
        """The last command, `[20]` rad; before the first, where the hand is.

        Raises:
            RuntimeError: nothing was heard of the hand yet; `begin` says so first.
        """
        with self._lock:
            if self._targets is not None:
                return self._targets
            if self._joints is None:
                raise RuntimeError("nothing was heard of the hand yet")
            return self._clipped(self._coupling @ self._joints.position)

    def on_joint_state(self, message: JointState) -> None:
        """Takes a message; one that makes no sense holds the hand."""
        with self._lock:
            reason = self._readings.take(message, self._now())
            if reason:
                self.hold(f"joint states: {reason}")
                return
            state = self._readings.state()
            if state is None or (self._joints is not None and state.stamp <= self._joints.stamp):
                return  # only some of the joints
            self._joints = state
            fault = self._following.see(state)
            if fault:
                self.hold(fault)

    def begin(self, *, needs: Collection[str] = (), targets: np.ndarray | None = None) -> bool:
        """From here on a controller commands, and silence of any side holds the hand.

        The first command starts from the last one, whoever sent it and whatever the hand reads; the
        very first one from where the hand is.

        Args:
            needs: names of what must be seen.
            targets: that the hand has now, `[20]` rad, if it was put there by other means.

        Returns:
            Whether it may: not once stopped, nor while anything is wrong, nor, before `end`, when
            the hand is held already.
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
        """Holds the hand if anything is wrong, or has been silent for too long; the watchdog."""
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
        self._following.command(targets)
        self._robot_send(targets)
        self._on_command(targets)

    def _clipped(self, targets: np.ndarray, by: float = 0.0) -> np.ndarray:
        return np.clip(targets, self._limits.low - by, self._limits.high + by)

    def _unheard(self, now: float) -> str:
        """What has not been read of the joints, if anything."""
        why = because(self._readings.refused)
        if self._joints is None:
            missing = self._readings.missing()
            return f"joint states: no good one has come, of {missing} for one{why}"
        if now - self._joints.stamp > STALE:
            missing, age = self._readings.missing(), seconds(now - self._joints.stamp)
            return f"joint states: the last good one of {missing} is {age} old{why}"
        return f"joint states: {self._readings.doubt}" if self._readings.doubt else ""

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


def because(refused: str) -> str:
    """Why the last message was left out, to be added to what is waited for; empty if it was not."""
    return f" (the last message was left out: {refused})" if refused else ""
