"""The record of a study: variants, training progress of each run, and test results."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dactyl_jax import evaluation
from experiments.base import files, origin
from experiments.runs import policies
from experiments.runs.workdir import WorkDirectory
from experiments.studies.measurement import TRIAL_SEED

_CURVE_POINTS = 40

Record = dict[str, Any]


def assemble(
    *,
    name: str,
    title: str,
    command: str,
    engine: str,
    trials: int,
    tests: Mapping[str, Mapping[str, Any]],
    variants: Mapping[str, Mapping[str, Any]],
    pairs: Sequence[tuple[str, str]],
    x: Sequence[str],
) -> Record:
    """Returns a record, with the date, source and machine of this process.

    Args:
        name: name of the study.
        title: title of its tables.
        command: command line that made the record.
        engine: physics engine of the trials.
        trials: number of trials per test and run.
        tests: `label`, `goals` and `goal_timeout_s` by name.
        variants: `label` and `runs` (entries of `describe`) by name.
        pairs: variants to compare; the second is the reference.
        x: horizontal axes of the learning curves.
    """
    return {
        "study": name,
        "title": title,
        **origin.describe(command),
        "engine": engine,
        "trials": trials,
        "trial_seed": TRIAL_SEED,
        "tests": tests,
        "variants": variants,
        "pairs": [list(pair) for pair in pairs],
        "x": list(x),
    }


def describe(name: str, folder: Path, evaluations: Mapping[str, Mapping[str, Any]]) -> Record:
    """Returns a record's entry for one run: origin, learning curve and test results.

    Args:
        name: name of the run.
        folder: work directory of the run.
        evaluations: results of `scoring.evaluate`, with intervals, by test.
    """
    workdir = WorkDirectory(folder)
    lineage = policies.lineage(str(folder))
    return {
        "name": name,
        "seed": lineage["seed"],
        "commit": lineage["commit"],
        "machine": lineage["machine"],
        "steps": lineage["steps"],
        "years": policies.years(lineage),
        "wall_minutes": lineage["wall_minutes"],
        "control_dt": workdir.load_config().env.control_dt,
        "curve": curve(workdir.read_metrics()),
        "evaluations": dict(evaluations),
    }


def evaluations(folder: Path) -> dict[str, dict[str, Any]]:
    """Loads the study's results from a run's work directory, by test."""
    return {
        file.stem: json.loads(file.read_text(encoding="utf-8"))["result"]
        for file in sorted((folder / "evaluations").glob("*.json"))
    }


def curve(rows: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """Averages a run's metrics over blocks of iterations; points lie at the ends of the blocks."""
    points = []
    for part in np.array_split(np.arange(len(rows)), min(_CURVE_POINTS, len(rows))):
        last = rows[part[-1]]
        ends = {k: last[k] for k in ("control_steps", "wall_minutes", "goal_distance")}
        rates = {
            k: float(np.mean([rows[i][k] for i in part]))
            for k in ("goals_per_minute", "drops_per_minute")
        }
        points.append(ends | rates)
    return points


def write(record: Record, folder: Path) -> None:
    """Writes the tables and figures of a study's record."""
    name = record["study"]
    files.write_text(folder / f"{name}.md", evaluation.study_markdown(record))
    for picture, draw in evaluation.study_pictures(record).items():
        draw(folder / f"{name}{picture}.png")
