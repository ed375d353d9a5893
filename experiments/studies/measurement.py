"""Evaluation of a study's policies: each plays every test once."""

import functools
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax.envs import Reorientation, make_environment
from dactyl_jax.learning import PolicyCheckpoint
from experiments.base import files
from experiments.evaluation import scoring
from experiments.runs import policies
from experiments.runs.trials import for_trials
from experiments.studies.design import Run, Study, Test

TRIAL_SEED = 3
_TASK = ("seed", "engine", "randomization", "terms", "env")  # fields that determine the trials


def measure(
    study: Study, planned: Sequence[Run], trials: int
) -> dict[str, dict[str, dict[str, Any]]]:
    """Returns results by run and test.

    Results on disk are reused. Policies with the same task share one environment.
    """
    groups: dict[str, tuple[ConfigDict, list[tuple[Run, str, Test]]]] = {}
    for (name, test), each in itertools.product(study.tests.items(), planned):
        task = for_trials(each.config, TRIAL_SEED)
        task.update_from_flattened_dict(test.changes)
        task.env.goal_timeout_s, task.engine = test.goal_timeout_s, each.config.engine
        groups.setdefault(json.dumps(task_fields(task)), (task, []))[1].append((each, name, test))
    results: dict[str, dict[str, dict[str, Any]]] = {each.name: {} for each in planned}
    for key, (task, sharing) in groups.items():
        environment = functools.cache(functools.partial(make_environment, task))
        for each, name, test in sharing:
            checkpoint = policies.load_policy(str(each.folder))
            measured_on = {
                "task": json.loads(key),
                "goals": test.goals,
                "trials": trials,
                "checkpoint_step": checkpoint.steps,
            }
            results[each.name][name] = measured_once(
                each.folder / "evaluations" / f"{name}.json",
                measured_on,
                functools.partial(_play, environment, checkpoint, each, test, trials),
            )
        if environment.cache_info().currsize:
            jax.clear_caches()  # the next task cannot reuse the compiled programs
    return results


def task_fields(config: ConfigDict) -> dict[str, Any]:
    """Returns the configuration fields that determine the trials, as read back from JSON."""
    fields = {k: v for k, v in config_lib.leaves(config) if k.split(".")[0] in _TASK}
    return json.loads(json.dumps(fields))


def _play(
    environment: Callable[[], Reorientation],
    checkpoint: PolicyCheckpoint,
    each: Run,
    test: Test,
    trials: int,
) -> dict[str, Any]:
    """Returns the result of a test, with intervals, and prints its summary."""
    result = scoring.evaluate(
        environment(),
        checkpoint.agent,
        trials=trials,
        seed=TRIAL_SEED,
        distribution=test.goals,
        final_distance=checkpoint.goal_distance,
        checkpoint_step=checkpoint.steps,
    )
    scoring.add_intervals(result)
    print(f"{each.name}, {test.label}: {scoring.sentence(result)}", flush=True)
    return result


def measured_once(
    file: Path, measured_on: Mapping[str, Any], measure: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Returns the stored result if complete and of the same inputs; else measures and stores it.

    Args:
        file: JSON file of the result.
        measured_on: all inputs of the measurement.
        measure: computes the result.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["measured_on"] == measured_on:
            return content["result"]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    result = measure()
    files.write_json(file, {"measured_on": measured_on, "result": result})
    return result
