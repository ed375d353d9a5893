"""The first motions of a hand: one actuator after the other, slowly, and whether it does as told.

Nothing is in the hand, and no policy runs. Each actuator goes a little way and back; its reading
must go that way, and those of the others must stay.
"""

from __future__ import annotations

import numpy as np

from hardware.safety import motion
from hardware.trials.session import LISTEN, Session

SHARE = 0.25  # of the usual rates
_WAY, _MOST = 0.25, 0.3  # share of an actuator's range that it goes, and rad at most
_REST = 1.0  # s to come to rest
_LEAST, _BEYOND = 0.5, 1.5  # shares of the way that the reading may go
_STILL = 0.1  # rad that another actuator's reading may go meanwhile


def run(session: Session) -> bool:
    """Moves every actuator.

    Args:
        session: the hand's, at `SHARE` of its rates.

    Returns:
        Whether all did as told; else `session.guard.fault` says which did not.
    """
    bundle, guard, robot = session.bundle, session.guard, session.robot
    robot.wait_until(robot.now() + LISTEN)
    if not guard.begin():
        return False
    for index, actuator in enumerate(bundle.actuators):
        low, high = bundle.limits[index]
        rest = guard.targets()
        way = min(_WAY * (high - low), _MOST)
        way = way if rest[index] + way <= high else -way
        goal = rest.copy()
        goal[index] += way
        session.event(f"{actuator} goes by {way:+.2f} rad and back")
        before = _angles(session)
        if not _drive(session, goal):
            return False
        reason = _judge(bundle.actuators, index, way, _angles(session) - before)
        if reason:
            guard.hold(reason)
            return False
        if not _drive(session, rest):
            return False
    guard.end()
    return True


def _judge(actuators: list[str], index: int, way: float, went: np.ndarray) -> str:
    """What is wrong with the way that actuators went, if anything."""
    share = went[index] / way
    if not _LEAST <= share <= _BEYOND:
        return f"{actuators[index]} was told to go by {way:+.2f} rad and went by {went[index]:+.2f}"
    others = np.abs(went)
    others[index] = 0.0
    worst = int(others.argmax())
    if others[worst] > _STILL:
        return f"{actuators[worst]} went by {went[worst]:+.2f} rad when {actuators[index]} was told"
    return ""


def _angles(session: Session) -> np.ndarray:
    """Where the actuators are, `[20]` rad."""
    joints = session.guard.joints()
    assert joints is not None  # else there is no `begin`
    return session.bundle.coupling @ joints.position


def _drive(session: Session, goal: np.ndarray) -> bool:
    """The slow way to targets, and some time there; False if the hand is held."""
    guard, robot, period = session.guard, session.robot, session.bundle.control_dt
    start, began = guard.targets(), robot.now()
    duration = np.abs(goal - start).max() / (SHARE * motion.BLEND_RATE)
    while robot.now() < began + duration + _REST:
        elapsed = SHARE * (robot.now() - began)
        if not guard.command(motion.blend(start, goal, elapsed)):
            return False
        robot.wait_until(robot.now() + period)
    return guard.command(goal)
