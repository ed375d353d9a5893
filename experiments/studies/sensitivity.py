"""Sensitivity to randomisation: the same hands play under every condition."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from dactyl_jax import randomization
from dactyl_jax.envs import make_environment
from dactyl_jax.evaluation import draw_sensitivity, goal_distance, sensitivity
from experiments.base import files, origin
from experiments.evaluation import agents
from experiments.runs import policies


def measure(
    config: ConfigDict,
    run: str,
    target: Path,
    command: str,
    *,
    terms: Sequence[str] | None,
    goals: str,
    hands: int,
    seconds: float,
    seed: int,
) -> None:
    """Plays under every condition, draws and writes the results.

    Args:
        config: configuration of the task.
        run: the policy, see `policies.load_policy`.
        target: JSON file of the record; tables and figures are written beside it.
        command: command line, as the user typed it.
        terms: terms to measure; None: all terms and all families.
        goals: goal distribution.
        hands: number of hands simulated in parallel.
        seconds: simulated seconds per hand and condition.
        seed: seed of initial states, goals and randomisation.

    Raises:
        UserError: the policy does not fit the environment.
    """
    made = origin.describe(command)
    checkpoint = policies.load_policy(run)
    env = make_environment(sensitivity.with_all_terms(config)).with_goals(goals)
    agents.check_policy(checkpoint, env)
    measured: list[dict[str, Any]] = []
    conditions = sensitivity.conditions(config, terms)
    for number, condition in enumerate(conditions, start=1):
        started = time.monotonic()
        counts = sensitivity.play(
            env,
            checkpoint.agent,
            condition.strengths,
            hands=hands,
            seed=seed,
            goal_distance=goal_distance(goals, checkpoint.goal_distance),
            seconds=seconds,
        )
        entry = sensitivity.describe(condition, counts, seconds / 60)
        measured.append(entry)
        took = f"{time.monotonic() - started:.0f} s"
        print(
            f"[{number}/{len(conditions)}] {condition} ({took}): {sensitivity.sentence(entry)}",
            flush=True,
        )
    record = {
        "study": "sensitivity",
        "title": "What costs goals",
        **made,
        "engine": env.engine.name,
        "policy": run,
        "years": policies.years(policies.lineage(run)),
        "seed": seed,
        "goals": goals,
        "goal_timeout_s": config.env.goal_timeout_s,
        "hands": hands,
        "seconds": seconds,
        "everything": [term.name for term in randomization.TERMS if term.enabled(config)],
        "conditions": measured,
    }
    files.write_json(target, record)
    files.write_text(target.with_suffix(".md"), sensitivity.markdown(record) + "\n")
    draw_sensitivity(record, target.with_suffix(".png"))
    print(f"\n{sensitivity.markdown(record)}\n\nPicture: {target.with_suffix('.png')}")
