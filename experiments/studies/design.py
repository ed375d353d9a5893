"""The design of a study: variants of a configuration, and tests that all variants play."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from dactyl_jax import config as config_lib


@dataclasses.dataclass(frozen=True)
class Variant:
    """One row of the table: its label, and the configuration fields that define it."""

    label: str
    changes: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Test:
    """One column of the table: trials that every policy of the study plays.

    Attributes:
        label: heading of the column.
        changes: fields of the task; all others are those of the run's training.
        goals: goal distribution, one of `scoring.DISTRIBUTIONS`.
        goal_timeout_s: time limit per goal, simulated s.
    """

    label: str
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    goals: str = "near"
    goal_timeout_s: float = 8.0


@dataclasses.dataclass(frozen=True)
class Study:
    """A comparison of variants.

    Attributes:
        name: base name of the study's files.
        title: title of its table.
        variants: variants by name.
        tests: tests by name.
        pairs: pairs of variants to compare; the second is the reference.
        steps: default number of control steps per run.
        seeds: default number of runs per variant.
        x: horizontal axes of the learning curves, as `experiments.compare --x`.
    """

    name: str
    title: str
    variants: Mapping[str, Variant]
    tests: Mapping[str, Test]
    pairs: Sequence[tuple[str, str]]
    steps: int
    seeds: int
    x: Sequence[str] = ("steps",)


@dataclasses.dataclass(frozen=True)
class Run:
    """One training run of a study, finished or not."""

    variant: str
    folder: Path
    config: ConfigDict

    @property
    def name(self) -> str:
        return self.folder.name


def plan(study: Study, config: ConfigDict, workdir: Path, steps: int, seeds: int) -> list[Run]:
    """Returns all runs of a study, ordered by seed: the first runs form a study of fewer seeds.

    Args:
        study: the study.
        config: configuration of all runs, except the variants' fields.
        workdir: work directory of the study.
        steps: control steps per run; rounded to whole iterations.
        seeds: number of seeds per variant, starting at `config.seed`.
    """
    result = []
    for seed, (name, variant) in itertools.product(
        range(config.seed, config.seed + seeds), study.variants.items()
    ):
        own = config.copy_and_resolve_references()
        own.update_from_flattened_dict({**variant.changes, "seed": seed})
        own.run.max_minutes = 0.0
        own.run.max_iterations = max(round(steps / (own.num_envs * own.ppo.horizon)), 1)
        config_lib.validate(own)
        result.append(Run(name, workdir / "runs" / f"{name}-{seed}", own))
    return result
