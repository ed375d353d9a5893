"""Motions that excite a hand's joints, for the fit of its model.

One actuator moves at a time while the digits in its way are bent aside. As in OpenAI (2018),
appendix C.3, it moves through its whole range and then oscillates. The hand must be empty.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hardware.bundle.store import Bundle
from hardware.safety import motion
from hardware.trials.session import LISTEN, Session

DIGITS = ("WR", "FF", "MF", "RF", "LF", "TH")
_SPEED = 0.5  # of an actuator's range per second, on the way to its limits
_HOLD = 0.8  # s at each limit
_OSCILLATIONS = ((0.35, 0.5), (0.25, 1.0), (0.15, 2.0), (0.05, 4.0))  # share of the range, Hz
_CYCLES = 3  # of each oscillation
_OUT_OF_THE_WAY = {"J3": 1.2, "J0": 0.4}  # rad, angles of the other fingers
_THUMB_ASIDE = {"THJ5": -0.6, "THJ4": 0.0}  # rad


def posture(bundle: Bundle, actuator: str) -> np.ndarray:
    """Targets of the hand while an actuator moves, `[20]` rad: its digit straight, others aside."""
    digit = _digit(actuator)
    targets = np.zeros(len(bundle.actuators))
    for index, name in enumerate(bundle.actuators):
        if digit in ("FF", "MF", "RF", "LF") and _digit(name) not in (digit, "WR", "TH"):
            targets[index] = _OUT_OF_THE_WAY.get(name[-2:], 0.0)
        if digit != "TH":
            targets[index] = _THUMB_ASIDE.get(name[-4:], targets[index])
    return np.clip(targets, *bundle.limits.T)


def profile(low: float, high: float, start: float, period: float) -> np.ndarray:
    """Targets of the moving actuator, one per control step, `[n]` rad.

    Args:
        low, high: the actuator's limits, rad.
        start: its present angle, rad.
        period: duration of a control step, s.
    """
    reach, middle = high - low, 0.5 * (low + high)
    parts = []
    for end in (low, high, low, middle):
        steps = max(int(np.ceil(abs(end - start) / (_SPEED * reach * period))), 1)
        parts += [np.linspace(start, end, steps + 1)[1:], np.full(round(_HOLD / period), end)]
        start = end
    for share, rate in _OSCILLATIONS:
        times = np.arange(period, _CYCLES / rate + 0.5 * period, period)
        parts.append(middle + share * reach * np.sin(2 * np.pi * rate * times))
    parts.append(np.full(round(_HOLD / period), middle))
    return np.concatenate(parts)


def run(session: Session, digits: tuple[str, ...]) -> bool:
    """Moves all actuators of some digits, one after the other; the log says which one moves.

    Args:
        session: session of an empty hand.
        digits: names out of `DIGITS`.

    Returns:
        Whether all motions were completed; if not, `session.guard.fault` says why.
    """
    bundle, guard, robot = session.bundle, session.guard, session.robot
    robot.wait_until(robot.now() + LISTEN)
    if not guard.begin():
        return False
    for index, actuator in enumerate(bundle.actuators):
        if _digit(actuator) not in digits:
            continue
        session.event(f"{actuator} moves")
        rest = posture(bundle, actuator)
        low, high = bundle.limits[index]
        motion = profile(low, high, rest[index], bundle.control_dt)
        if not _drive(session, _approach(session, rest)):
            return False
        session.mark_excitation(actuator)
        if not _drive(session, _moved(rest, index, motion)):
            return False
        session.mark_excitation("")
    return _drive(session, _approach(session, bundle.start_targets))


def _approach(session: Session, rest: np.ndarray) -> Iterator[np.ndarray]:
    """Yields targets of a slow motion to a posture and a pause there."""
    start, period = session.guard.targets(), session.bundle.control_dt
    duration = np.abs(rest - start).max() / motion.BLEND_RATE + _HOLD
    for step in range(int(np.ceil(duration / period))):
        yield motion.blend(start, rest, step * period)


def _moved(rest: np.ndarray, index: int, motion: np.ndarray) -> Iterator[np.ndarray]:
    """Yields targets of a posture in which one actuator moves."""
    for target in motion:
        targets = rest.copy()
        targets[index] = target
        yield targets


def _drive(session: Session, course: Iterator[np.ndarray]) -> bool:
    """Sends targets at the control rate; False if the hand is held."""
    robot, period = session.robot, session.bundle.control_dt
    due = robot.now()
    for targets in course:
        if not session.guard.command(targets):
            return False
        due = motion.next_due(due, robot.now(), period)
        robot.wait_until(due)
    return True


def _digit(actuator: str) -> str:
    """The digit of an actuator: FF for rh_A_FFJ3."""
    return actuator[len("rh_A_") :][:2]
