"""Scores of a policy from its trials: a result, confidence intervals and a one-line summary."""

import time
from typing import Any

import numpy as np

from dactyl_jax import evaluation
from dactyl_jax.envs import Reorientation
from dactyl_jax.learning import Agent

DISTRIBUTIONS = ("near", "final", "uniform")
# Fields that must be equal for two results to be comparable.
KIND = ("world", "randomization", "trials", "seed", "goal_distribution", "goal_timeout_s")


def evaluate(
    env: Reorientation,
    agent: Agent,
    *,
    trials: int,
    seed: int,
    distribution: str,
    final_distance: float,
    checkpoint_step: int | None,
    latency: int = 0,
    greedy: bool = False,
    eye: evaluation.Eye | None = None,
) -> dict[str, Any]:
    """Runs trials and returns their results in the format of `experiments.evaluate --json`.

    The agent receives the object's pose `latency` control steps late. With an `eye`, cameras
    estimate the pose, and the result includes the pose network's uncertainty (`doubt`).
    """
    distance = evaluation.goal_distance(distribution, final_distance)
    env = env.with_goals(distribution)
    started = time.monotonic()
    how: dict[str, Any] = {"trials": trials, "seed": seed, "goal_distance": distance}
    how |= {"latency": latency, "greedy": greedy}
    seen = {}
    if eye is None:
        outcome = evaluation.run_trials(env, agent, **how)
    else:
        outcome, doubt = evaluation.run_vision_trials(env, agent, eye, **how)
        seen["doubt"] = evaluation.pose_errors.doubts(doubt)
    return evaluation.summarize(outcome, env.control_dt) | {
        "world": env.config.env.world,
        "randomization": env.config.randomization,
        "goal_distribution": distribution,
        "goal_distance": distance,
        "goal_timeout_s": env.config.env.goal_timeout_s,
        "engine": env.engine.name,
        "seed": seed,
        "greedy": greedy,
        "pose_latency": latency,
        "checkpoint_step": checkpoint_step,
        "wall_s": time.monotonic() - started,
        **seen,
    }


def add_intervals(result: dict[str, Any]) -> None:
    """Adds 95% confidence intervals of the mean and median number of goals to a result."""
    goals = result["goals"]
    for name, statistic in (("mean", np.mean), ("median", np.median)):
        goals[f"{name}_interval"] = evaluation.confidence_interval(goals["per_trial"], statistic)


def sentence(result: dict[str, Any]) -> str:
    """Summarises a result of `evaluate` in one line."""
    goals = result["goals"]
    pace = result["seconds_per_goal"]
    return (
        f"{result['goal_distribution']} goals: {goals['mean']:.1f} +- {goals['std']:.1f} in a row "
        f"(median {goals['median']:g}, max {goals['max']}), "
        f"{result['goals_per_minute']:.1f} goals and {result['drops_per_minute']:.2f} drops per "
        f"environment-minute, {'no goal' if pace is None else f'{pace:.1f} s a goal'}, "
        f"{result['trials']} trials"
    )
