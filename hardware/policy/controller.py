"""Runs one control step of the policy: readings in, targets out."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from hardware.bundle.kinematics import fingertips
from hardware.bundle.store import Bundle
from hardware.policy import actions, observation
from hardware.policy.network import Policy

KEPT_PERIOD = 0.08  # s, period to which the contract's `smoothing_kept` refers


class Step(NamedTuple):
    """Results of a control step; the log records all of them.

    Attributes:
        observation: `[size]` float32.
        logits: `[bin, 20]`.
        action: bins, `[20]`.
        average: average of the actions, including this one, `[20]` float32; 0 if targets are
            smoothed.
        targets: `[20]` rad, float32.
    """

    observation: np.ndarray
    logits: np.ndarray
    action: np.ndarray
    average: np.ndarray
    targets: np.ndarray


class Controller:
    """The policy with its memory and its action average.

    Args:
        bundle: bundle of the policy.
    """

    def __init__(self, bundle: Bundle):
        self._policy = Policy(bundle)
        self._parts = [part["name"] for part in bundle.contract["observation"]["parts"]]
        self._chain = bundle.chain
        self._actions = action_map(bundle)
        self.begin(actions.most_probable)

    def begin(self, choose: Callable[[np.ndarray], np.ndarray]) -> None:
        """Starts a trial: clears the memory and the action average.

        Args:
            choose: chooses bins `[20]` from logits `[bin, 20]`.
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
            targets: the hand's present targets, `[20]` rad.
            position: the object's position, `[3]` m in the frame of `rh_forearm`.
            orientation: the object's orientation, `[4]` in that frame.
            goal: goal orientation, `[4]` in that frame.
            tips: measured fingertip positions, `[5, 3]` m in that frame; None computes them from
                the joint angles.

        Raises:
            FloatingPointError: the policy's logits are not finite.
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
