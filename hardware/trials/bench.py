"""Sets up a trial on a bench, where a person puts the object into the palm."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from hardware.base.messages import Pose
from hardware.policy.actions import Chooser
from hardware.safety import motion
from hardware.safety.guard import ROUNDING, because
from hardware.safety.readings import seconds
from hardware.trials.goals import GoalSource
from hardware.trials.palm import Palm
from hardware.trials.session import LISTEN, OBJECT, Session

_STILL = 1.0  # s that the object must lie still in the palm before a trial
_STALE = 60.0  # s: a pose so old has a wrong stamp, or none
_STILL_SPEED = 0.02  # m/s between means over half that time, because poses may be noisy


class Bench:
    """A bench: the hand moves slowly to its start posture, and a person gives it the object.

    Args:
        goals: source of the goals.
        chooser: chooses the policy's actions.
    """

    def __init__(self, goals: GoalSource, chooser: Chooser):
        self.goals, self.chooser = goals, chooser

    def set_up(self, session: Session, trial: int) -> bool:
        """See `session.Lab`."""
        guard, robot, period = session.guard, session.robot, session.bundle.control_dt
        posture, palm = session.bundle.start_targets, Palm(session.bundle)
        robot.wait_until(robot.now() + LISTEN)
        if not guard.begin():
            return False
        start, began = guard.targets(), robot.now()
        seen: deque[Pose] = deque(maxlen=2 * math.ceil(0.5 * _STILL / period))  # in the palm
        asked = None  # whether the object was in sight at the last request
        while not self._still(seen):
            now = robot.now()
            if not guard.command(motion.blend(start, posture, now - began)):
                return False
            pose = session.tracker.pose()
            arrived = np.abs(guard.targets() - posture).max() < ROUNDING
            fresh = session.tracker.pose_age(now) <= session.patience
            if not (arrived and fresh and pose is not None and palm.holds(pose.position)):
                seen.clear()
            elif not seen or pose.stamp > seen[-1].stamp:
                seen.append(pose)
            if arrived and not seen and fresh != asked:
                session.event(self._request(session, palm, pose if fresh else None))
                asked = fresh
            robot.wait_until(now + period)
        return guard.begin(needs=session.needs)

    @staticmethod
    def _request(session: Session, palm: Palm, pose: Pose | None) -> str:
        """The request for the object, last seen at `pose`; None if there is no recent pose."""
        if pose is None:
            why = because(session.tracker.refused(OBJECT))
            age = session.tracker.pose_age(session.robot.now())
            if _STALE < age < np.inf:
                why = f" (by its stamp, the last one is {seconds(age)} old: is it stamped?)"
            sight = f"no pose of it is newer than {session.patience:g} s{why}"
        else:
            sight = f"it is seen {100 * np.linalg.norm(palm.offset(pose.position)):.0f} cm from it"
        return f"put the object into the palm: {sight}"

    @staticmethod
    def _still(seen: deque[Pose]) -> bool:
        """Whether the object is at rest; False until there are enough poses."""
        if len(seen) < (seen.maxlen or 0):
            return False
        places = np.array([pose.position for pose in seen])
        earlier, later = (half.mean(axis=0) for half in np.split(places, 2))
        return bool(np.linalg.norm(later - earlier) <= _STILL_SPEED * 0.5 * _STILL)
