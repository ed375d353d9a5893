"""One control step of the deployed policy: from readings to targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from hardware.bundle.kinematics import fingertips
from hardware.bundle.store import Bundle
from hardware.policy import actions, observation
from hardware.policy.network import Policy

KEPT_PERIOD = 0.08  # s, over which the contract's `smoothing_kept` is kept


class Step(NamedTuple):
    """What a control step computed: all of it goes to the log.

    Attributes:
        observation: `[size]` float32.
        logits: `[bin, 20]`.
        action: bins, `[20]`.
        average: of the actions, this one included, `[20]` float32; 0 where targets are smoothed.
        targets: `[20]` rad, float32.
    """

    observation: np.ndarray
    logits: np.ndarray
    action: np.ndarray
    average: np.ndarray
    targets: np.ndarray


class Controller:
    """The policy with its memory, and the average of its actions.

    Args:
        bundle: the policy.
    """

    def __init__(self, bundle: Bundle):
        self._policy = Policy(bundle)
        self._parts = [part["name"] for part in bundle.contract["observation"]["parts"]]
        self._chain = bundle.chain
        self._actions = action_map(bundle)
        self.begin(actions.most_probable)

    def begin(self, choose: Callable[[np.ndarray], np.ndarray]) -> None:
        """Starts a trial with an empty memory and no action so far.

        Args:
            choose: bins `[20]` of logits `[bin, 20]`.
        """
        self._memory = self._policy.initial_memory()
        self._average = self._actions.begin()
        self._choose = choose

    def step(
        self,
        joint_angles: np.ndarray,
        joint_velocities: np.ndarray,
        targets: np.ndarray,
        position: np.ndarray,
        orientation: np.ndarray,
        goal: np.ndarray,
        tips: np.ndarray | None = None,
    ) -> Step:
        """Chooses the targets of the coming control step.

        Args:
            joint_angles: `[24]` rad.
            joint_velocities: `[24]` rad/s.
            targets: that the hand has now, `[20]` rad.
            position: of the object, `[3]` m in the frame of `rh_forearm`.
            orientation: of the object, `[4]` in that frame.
            goal: `[4]` in that frame.
            tips: where the fingertips are seen, `[5, 3]` m in that frame; None follows from the
                joint angles.

        Raises:
            FloatingPointError: the policy answers with what is no number.
        """
        if tips is None:
            tips = fingertips(self._chain, joint_angles)
        readings = observation.Readings(
            joint_angles=joint_angles,
            joint_velocities=joint_velocities,
            fingertips=tips,
            targets=targets,
            action_average=self._average.value,
            position=position,
            orientation=orientation,
            goal=goal,
        )
        seen = observation.assemble(self._parts, readings)
        logits, self._memory = self._policy.logits(seen, self._memory)
        if not np.isfinite(logits).all():
            raise FloatingPointError("the policy's logits are not finite numbers")
        action = self._choose(logits)
        coming, self._average = self._actions.step(action, joint_angles, targets, self._average)
        return Step(seen, logits, action, self._average.value, coming)


def action_map(bundle: Bundle) -> actions.ActionMap:
    """The bundle's map from bins to targets."""
    action = bundle.contract["action"]
    kept = action["smoothing_kept"] ** (bundle.control_dt / KEPT_PERIOD)
    return actions.ActionMap(
        action["mode"], action["bins"], action["smoothed"], kept, bundle.limits, bundle.coupling
    )
