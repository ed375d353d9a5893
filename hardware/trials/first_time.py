"""The first motions of a hand: checks that each actuator follows its commands, slowly.

The hand must be empty, and no policy runs. Each actuator moves a little way and back. Its reading
must follow, and the readings of the others must stay still.
"""

from __future__ import annotations

import numpy as np

from hardware.safety import motion
from hardware.trials.session import LISTEN, Session

SHARE = 0.25  # of the usual rates
_WAY, _MOST = 0.25, 0.3  # commanded motion: share of the actuator's range, but at most this, rad
_REST = 1.0  # s to come to rest
_LEAST, _BEYOND = 0.5, 1.5  # allowed motion of the reading, as shares of the commanded one
_STILL = 0.1  # rad, allowed motion of the other actuators' readings


def run(session: Session) -> bool:
    """Moves and checks every actuator.

    Args:
        session: session of the hand, at `SHARE` of its rates.

    Returns:
        Whether all actuators followed; if not, `session.guard.fault` names the one that did not.
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
        session.event(f"{actuator} moves by {way:+.2f} rad and back")
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
    """Says what is wrong with the actuators' motion; empty if nothing is."""
    share = went[index] / way
    if not _LEAST <= share <= _BEYOND:
        return f"{actuators[index]} was commanded by {way:+.2f} rad and moved by {went[index]:+.2f}"
    others = np.abs(went)
    others[index] = 0.0
    worst = int(others.argmax())
    if others[worst] > _STILL:
        return (
            f"{actuators[worst]} moved by {went[worst]:+.2f} rad when {actuators[index]} was "
            "commanded"
        )
    return ""


def _angles(session: Session) -> np.ndarray:
    """Present angles of the actuators, `[20]` rad."""
    joints = session.guard.joints()
    assert joints is not None  # `begin` needs a reading
    return session.bundle.coupling @ joints.position


def _drive(session: Session, goal: np.ndarray) -> bool:
    """Moves slowly to targets and pauses there; False if the hand is held."""
    guard, robot, period = session.guard, session.robot, session.bundle.control_dt
    start, began = guard.targets(), robot.now()
    duration = np.abs(goal - start).max() / (SHARE * motion.BLEND_RATE)
    while robot.now() < began + duration + _REST:
        elapsed = SHARE * (robot.now() - began)
        if not guard.command(motion.blend(start, goal, elapsed)):
            return False
        robot.wait_until(robot.now() + period)
    return guard.command(goal)
