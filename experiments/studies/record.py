"""A study's record: what was compared, how each run went, and how it did in the tests."""

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
    """A record, with the day, the source and the machine that it is made on.

    Args:
        name: of the study.
        title: of its tables.
        command: that makes it.
        engine: that the trials ran on.
        trials: of each test and run.
        tests: `label`, `goals` and `goal_timeout_s` by name.
        variants: `label` and `runs`, each of `describe`, by name.
        pairs: variants to compare, the second being the reference.
        x: what learning curves are drawn along.
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
    """What a record holds of one run: where it came from, how it went, how it did in the tests.

    Args:
        name: of the run.
        folder: its work directory.
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
    """The results that a study left in a run's work directory, by test."""
    return {
        file.stem: json.loads(file.read_text(encoding="utf-8"))["result"]
        for file in sorted((folder / "evaluations").glob("*.json"))
    }


def curve(rows: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """A run's metrics in a few points: means over successive iterations, and where these end."""
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
    """Writes the tables and pictures of a study's record."""
    name = record["study"]
    files.write_text(folder / f"{name}.md", evaluation.study_markdown(record))
    for picture, draw in evaluation.study_pictures(record).items():
        draw(folder / f"{name}{picture}.png")
