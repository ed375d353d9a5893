"""A hand without physics: its joints follow the targets; tests place its object."""

from __future__ import annotations

import heapq
import itertools

import numpy as np

from hardware.base import rotations
from hardware.base.frames import POLICY_FRAME
from hardware.base.messages import Fingertips, JointState, Pose
from hardware.bundle.kinematics import fingertips

PERIOD = 0.008  # s


class Chooses:
    """A `Chooser` that calls a function of the logits."""

    def __init__(self, choose):
        self.choose = choose

    def begin(self, trial):
        pass


class FakeHand:
    """A `robot.Robot` whose time passes during `wait_until`.

    `spoil(joints, pose)` returns the lists of joint states and poses to deliver instead.
    `allowed` is what `limits` returns, `complaint` what `trouble` returns. `see_tips()` returns the
    measured fingertip positions, `[5, 3]` m; while it is None, no fingertips are reported.
    """

    def __init__(self, bundle):
        self._joints = tuple(bundle.joints)
        self._coupling, self._chain = bundle.coupling, bundle.chain
        self._time = 100.0
        self._calls, self._order = [], itertools.count()
        frames = bundle.contract["frames"]
        forearm = frames["forearm_in_world"]
        above = np.array(frames["palm_in_world"]) + np.array([0, 0, 0.03]) - forearm["position"]
        self.home = rotations.rotate(rotations.conjugate(forearm["quaternion"]), above)
        self.position = self.home
        self.orientation = np.array([1.0, 0.0, 0.0, 0.0])
        self.targets = bundle.start_targets
        self.angles = self._shared(bundle.start_targets)
        self.commands: list[tuple[float, np.ndarray]] = []
        self.spoil = lambda joints, pose: ([joints], [pose])
        self.see_tips = None
        self.on_step = lambda: None
        self.allowed, self.complaint = None, ""

    def now(self):
        return self._time

    def wait_until(self, time):
        while self._time < time - 1e-9:
            self._time += PERIOD
            self.follow()
            self.on_step()
            self.report()
            while self._calls and self._calls[0][0] <= self._time:
                due, _, period, call = heapq.heappop(self._calls)
                heapq.heappush(self._calls, (due + period, next(self._order), period, call))
                call()

    def report(self):
        joints = JointState(self._time, self._joints, self.angles.copy(), np.zeros(24))
        pose = Pose(self._time, POLICY_FRAME, self.position, self.orientation)
        joint_states, poses = self.spoil(joints, pose)
        for message in joint_states:
            self._to.joint_state(message)
        for message in poses:
            self._to.pose(message)
        if self.see_tips is not None:
            self._to.fingertips(Fingertips(self._time, POLICY_FRAME, self.see_tips()))

    def follow(self):
        """Moves the joints for one period of the readings."""
        self.angles = self.angles + 0.1 * (self._shared(self.targets) - self.angles)

    def tips(self):
        """Fingertip positions at the present joint angles, `[5, 3]` m."""
        return fingertips(self._chain, self.angles)

    def every(self, period, call):
        heapq.heappush(self._calls, (self._time + period, next(self._order), period, call))

    def listen(self, to):
        self._to, self.ask_to_stop = to, to.stop

    def limits(self):
        return self.allowed

    def trouble(self):
        return self.complaint

    def send(self, targets):
        self.commands.append((self._time, np.array(targets)))
        self.targets = np.array(targets)

    def close(self):
        self._calls.clear()

    def _shared(self, targets):
        """Joint angles for actuator angles; a coupled pair shares its angle equally."""
        return targets @ (self._coupling / self._coupling.sum(axis=1, keepdims=True))
