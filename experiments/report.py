"""What a run ends with: an evaluation, its learning curve and a video."""

import time
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import evaluation
from dactyl_jax.envs import Reorientation, make_environment
from dactyl_jax.learning import Agent, restore_policy
from experiments import cli, files
from experiments.workdir import WorkDirectory

DISTRIBUTIONS = ("near", "final", "uniform")
_SEED = 0  # of the trials; their configuration's seed is not the training's
_VIDEO_SECONDS = 20.0


def write(workdir: WorkDirectory, config: ConfigDict) -> None:
    """Evaluates the newest checkpoint's policy on starts and hands that it was not trained on.

    Writes `report/` and `videos/`. Goals time out as in training. Randomised terms act by their
    laws as configured, however far automatic domain randomisation came.
    """
    trained_seed = config.seed
    config = config.copy_and_resolve_references()
    config.seed = cli.trial_seed(_SEED)
    env = make_environment(config)
    checkpoint = restore_policy(workdir.path)
    print(f"Evaluating after {checkpoint.steps:,} control steps:", flush=True)
    results = {}
    for distribution in DISTRIBUTIONS:
        results[distribution] = evaluate(
            env,
            checkpoint.agent,
            trials=config.run.eval_trials,
            seed=_SEED,
            distribution=distribution,
            final_distance=checkpoint.goal_distance,
            checkpoint_step=checkpoint.steps,
        )
        print("  " + sentence(results[distribution]), flush=True)
    files.write_json(workdir.report / "evaluation.json", results)

    rows = workdir.read_metrics()
    if rows:
        curve = workdir.report / "learning_curve.png"
        title = f"{config.env.object}, {config.engine} engine, seed {trained_seed}"
        evaluation.draw_learning_curve(rows, curve, title=title, control_dt=env.control_dt)
        print(f"Learning curve: {curve}", flush=True)

        if config.adr.enabled:
            limits = workdir.report / "limits.png"
            evaluation.draw_limits(rows, limits, title=f"Reach of the randomisation: {title}")
            print(f"Limits of the randomisation: {limits}", flush=True)

    video = workdir.videos / "policy.mp4"
    recording = evaluation.record(
        env,
        checkpoint.agent,
        seed=_SEED,
        goal_distance=checkpoint.goal_distance,
        seconds=_VIDEO_SECONDS,
    )
    evaluation.write_recording(recording, video, env)
    print(f"Video: {video}", flush=True)


def evaluate(
    env: Reorientation,
    agent: Agent,
    *,
    trials: int,
    seed: int,
    distribution: str,
    final_distance: float,
    checkpoint_step: int | None,
    greedy: bool = False,
    eye: evaluation.Eye | None = None,
) -> dict[str, Any]:
    """Runs trials and says what they show, as `experiments.evaluate --json` writes it.

    With an `eye` it is cameras that tell the agent the object's pose; the result then says how much
    their network doubted.
    """
    distance = evaluation.goal_distance(distribution, final_distance)
    started = time.monotonic()
    how: dict[str, Any] = {"trials": trials, "seed": seed, "goal_distance": distance}
    seen = {}
    if eye is None:
        outcome = evaluation.run_trials(env, agent, **how, greedy=greedy)
    else:
        outcome, doubt = evaluation.run_vision_trials(env, agent, eye, **how, greedy=greedy)
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
        "checkpoint_step": checkpoint_step,
        "wall_s": time.monotonic() - started,
        **seen,
    }


def add_intervals(result: dict[str, Any]) -> None:
    """Adds to a result of `evaluate` the 95% intervals of its goals' mean and median."""
    goals = result["goals"]
    for name, statistic in (("mean", np.mean), ("median", np.median)):
        goals[f"{name}_interval"] = evaluation.confidence_interval(goals["per_trial"], statistic)


def sentence(result: dict[str, Any]) -> str:
    """One line for a result of `evaluate`."""
    goals = result["goals"]
    pace = result["seconds_per_goal"]
    return (
        f"{result['goal_distribution']} goals: {goals['mean']:.1f} +- {goals['std']:.1f} in a row "
        f"(median {goals['median']:g}, max {goals['max']}), "
        f"{result['goals_per_minute']:.1f} goals and {result['drops_per_minute']:.2f} drops per "
        f"environment-minute, {'no goal' if pace is None else f'{pace:.1f} s a goal'}, "
        f"{result['trials']} trials"
    )
