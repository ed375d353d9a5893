"""Analysis of manipulation: grasps, turning strategies and failures of trials."""

from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from dactyl_jax import evaluation
from dactyl_jax.envs import make_environment
from experiments.base import files, origin
from experiments.evaluation import agents
from experiments.runs import policies


def measure(
    config: ConfigDict,
    run: str,
    target: Path,
    command: str,
    *,
    goals: str,
    hands: int,
    seconds: float,
    seed: int,
) -> None:
    """Simulates hands, classifies grasps from contacts, draws and writes the results.

    Args:
        config: configuration of the task.
        run: the policy, see `policies.load_policy`.
        target: JSON file of the record; tables and figures are written beside it.
        command: command line, as the user typed it.
        goals: goal distribution.
        hands: number of hands simulated in parallel.
        seconds: simulated seconds per hand.
        seed: seed of initial states, goals and randomisation.
    """
    checkpoint = policies.load_policy(run)
    env = make_environment(config)
    agents.check_policy(checkpoint, env)
    played = evaluation.play(
        env.with_goals(goals),
        checkpoint.agent,
        hands=hands,
        seed=seed,
        goal_distance=evaluation.goal_distance(goals, checkpoint.goal_distance),
        seconds=seconds,
    )
    told = evaluation.grasps.tell(env.engine.model, played, env.control_dt)
    record: dict[str, Any] = {
        "study": "grasps",
        "title": "The longest that each grasp was held, from the first moment to the last",
        **origin.describe(command),
        "policy": run,
        "years": policies.years(policies.lineage(run)),
        "seed": seed,
        "goals": goals,
        "goal_timeout_s": config.env.goal_timeout_s,
        "hands": hands,
        **told,
    }
    files.write_json(target, record)
    files.write_text(target.with_suffix(".md"), evaluation.grasps.markdown(record))
    evaluation.grasps.draw_strips(told, played, env, target.with_suffix(".png"))
    print(evaluation.grasps.markdown(record))
    print(f"\nPicture: {target.with_suffix('.png')}")
