"""Comparison of runs: combines several work directories into a study's record."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax import evaluation
from dactyl_jax.errors import UserError
from experiments.evaluation import scoring
from experiments.runs.workdir import WorkDirectory
from experiments.studies import record as record_lib

_NAME = r"[\w. +-]*[\w.+-](#\d+)?"


def compare(items: Sequence[str], target: Path | None, title: str, command: str, x: str) -> None:
    """Prints each run's final results and draws learning curves.

    Args:
        items: `[NAME=]DIR` of each run or study.
        target: figure to write, or None; the figure of goals is written beside it.
        title: title of the figure.
        command: command line, as the user typed it.
        x: horizontal axis, `wall` or `steps`.

    Raises:
        UserError: an item has another form, or its run cannot be compared.
    """
    named = _named(items)
    for name, workdir, _ in named:
        if not workdir.read_metrics():
            raise UserError(f"{name}: {str(workdir.path)!r} has no iteration yet; omit it")
    if x == "steps" and len({theirs.env.control_dt for _, _, theirs in named}) > 1:
        raise UserError("--x=steps: the runs differ in config.env.control_dt; use --x=wall")
    record = _record(named, title, command, x)
    print(evaluation.study_markdown(record))
    if target is not None:
        pictures = evaluation.study_pictures(record)
        pictures[f"_{x}"](target)
        print(f"Picture: {target}")
        if record["tests"]:
            goals = target.with_stem(f"{target.stem}_goals")
            pictures[""](goals)
            print(f"Picture: {goals}")


def _record(
    named: Sequence[tuple[str, WorkDirectory, ConfigDict]], title: str, command: str, x: str
) -> dict[str, Any]:
    """Returns the runs as a study's record, with one variant per family."""
    measured = {name: record_lib.evaluations(workdir.path) for name, workdir, _ in named}
    everywhere = set.intersection(*(set(found) for found in measured.values()))
    first = measured[named[0][0]]
    alike = [
        test
        for test in first
        if test in everywhere and len({_played(found[test]) for found in measured.values()}) == 1
    ]
    variants: dict[str, dict[str, Any]] = {}
    for name, workdir, _ in named:
        family = name.partition("#")[0]
        evaluations = {test: measured[name][test] for test in alike}
        variants.setdefault(family, {"label": family, "runs": []})["runs"].append(
            record_lib.describe(name, workdir.path, evaluations)
        )
    reference, *others = variants
    return record_lib.assemble(
        name="compare",
        title=title,
        command=command,
        engine=named[0][2].engine,
        trials=first[alike[0]]["trials"] if alike else 0,
        tests={
            test: {
                "label": test,
                "goals": first[test]["goal_distribution"],
                "goal_timeout_s": first[test]["goal_timeout_s"],
            }
            for test in alike
        },
        variants=variants,
        pairs=[(other, reference) for other in others],
        x=[x],
    )


def _played(result: dict[str, Any]) -> tuple[Any, ...]:
    """Returns the fields that must be equal for two results to be comparable."""
    return tuple(result[name] for name in scoring.KIND)


def _named(items: Sequence[str]) -> list[tuple[str, WorkDirectory, ConfigDict]]:
    """Returns name, work directory and configuration of every run."""
    result: list[tuple[str, WorkDirectory, ConfigDict]] = []
    families: dict[str, list[str]] = {}  # names of the runs with equal fields
    for name, folder in _folders(items):
        workdir = WorkDirectory(folder)
        try:
            config = workdir.load_config()
        except ValueError as error:
            raise UserError(str(error).removeprefix("--workdir: ")) from None
        if name is None:
            fields = dict(config_lib.leaves(config))
            seed = fields.pop("seed")
            own = {k: v for k, v in fields.items() if not k.startswith("run.")}
            for field in filter(own.get, config_lib.INPUTS):
                own[field] = Path(own[field]).read_text(encoding="utf-8")
            family = families.setdefault(json.dumps(own), [])
            first = family[0] if family else workdir.path.name.removesuffix(f"-{seed}")
            name = first + (f"#{len(family) + 1}" if family else "")
            family.append(name)
        if name in (known for known, _, _ in result):
            raise UserError(f"{name!r} is named twice; use different names, NAME=DIR")
        result.append((name, workdir, config))
    return result


def _folders(items: Sequence[str]) -> Iterator[tuple[str | None, str]]:
    """Yields names (None if not given) and work directories; a study yields each of its runs."""
    for item in items:
        name, equals, folder = item.rpartition("=")
        if equals and not (folder and re.fullmatch(_NAME, name)):
            raise UserError(f"{item!r} is not NAME=DIR or DIR")
        inside = Path(folder) / "runs"
        if not equals and inside.is_dir():
            yield from ((None, str(each)) for each in sorted(inside.iterdir()))
        else:
            yield name or None, folder
