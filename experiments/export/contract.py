"""The contract between a bundle and a robot host: bundle.json, except the policy's origin."""

from typing import Any

import mujoco
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import hand
from dactyl_jax.envs import actions, drop, goals, observation
from dactyl_jax.hand import kinematics
from dactyl_jax.learning import PolicyCheckpoint
from dactyl_jax.randomization import actuation
from experiments.export.models import build_world
from hardware.bundle import store
from hardware.safety import motion


def describe(config: ConfigDict, checkpoint: PolicyCheckpoint) -> dict[str, Any]:
    """Returns what a robot host needs to know about a policy and its hand, except the origin."""
    model = build_world(config, "training")
    layout, env = hand.layout(model), config.env
    chain = kinematics.chain(model)
    network = checkpoint.agent.network
    memory = ["hidden", "cell"] if network.memory else []
    return {
        "format": store.FORMAT,
        "version": store.VERSION,
        "object": env.object,
        "control_dt": env.control_dt,
        "observation": {
            "kind": env.policy_observation,
            "size": network.inputs,
            "parts": [_part(part) for part in observation.policy_parts(env)],
        },
        "memory": {"inputs": memory, "size": network.lstm},
        "action": {
            "mode": env.action,
            "bins": checkpoint.agent.num_bins,
            # What the exponential moving average smooths, and the share it keeps per 80 ms.
            "smoothed": env.smoothed,
            "smoothing_kept": env.smoothing_kept,
        },
        "joints": [_joint(model, name) for name in hand.JOINTS],
        "actuators": _actuators(model, layout, env),
        "frames": {
            "policy": "rh_forearm of hand.xml",
            "forearm_in_world": {
                "position": layout.forearm_position.tolist(),
                "quaternion": layout.forearm_quaternion.tolist(),
            },
            "palm_in_world": layout.palm_position.tolist(),
        },
        "kinematics": {
            name: np.asarray(getattr(chain, name)).tolist()
            for name in ("position", "quaternion", "axis", "joint", "tip")
        },
        "task": {
            "goal_threshold": env.goal_threshold,
            "goal_timeout_s": env.goal_timeout_s,
            "max_goals": env.max_goals,
            # The object's centre relative to the palm's, in world axes: [axis][low, high], m.
            "drop_box": np.asarray(drop.BOX, float).round(6).tolist(),
            "nearest_goal": goals.NEAREST,
            "last_goal_distance": checkpoint.goal_distance,
        },
        "config": config.to_dict(),
        "steps": checkpoint.steps,
    }


def _part(part: observation.Part) -> dict[str, Any]:
    known = {"name": part.name, "label": part.label, "size": part.size, "unit": part.unit}
    means = {k: list(v) if isinstance(v, tuple) else v for k, v in part.means.items()}
    return known | means


def _joint(model: mujoco.MjModel, name: str) -> dict[str, Any]:
    low, high = model.joint(name).range
    return {"name": name, "low": float(low), "high": float(high)}


def _actuators(model: mujoco.MjModel, layout: hand.Layout, env: ConfigDict) -> list[dict[str, Any]]:
    """Returns the actuators; their maximum rate is the largest that the action map can command.

    A moving average of actions can change from one extreme to the other within one control step,
    most easily in an episode's first steps, and relative targets may be centred anywhere: the whole
    range is reachable. Smoothed targets move only a share of the way.
    """
    result = []
    averages = env.smoothed == "action"
    backlash = np.exp(actuation.log_rates(model, mirrored=averages))
    kept = 0.0 if averages else actions.kept_share(env.smoothing_kept, env.control_dt)
    duration = motion.LEAST_PERIOD * env.control_dt
    for row, name in enumerate(hand.ACTUATORS):
        low, high = map(float, layout.ctrl_range[row])
        result.append(
            {
                "name": name,
                "joints": [hand.JOINTS[i] for i in np.flatnonzero(layout.coupling[row])],
                "low": low,
                "high": high,
                "max_rate": (1 - kept) * (high - low) / duration,
                "start": float(layout.start_targets[row]),
                "backlash": backlash[row].tolist(),  # 1/(rad s), down and up
            }
        )
    return result
