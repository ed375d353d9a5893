"""A study's design: variants of a configuration, and the tests that all of them play."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from dactyl_jax import config as config_lib


@dataclasses.dataclass(frozen=True)
class Variant:
    """A row of the table: what it is called, and the fields of the configuration that make it."""

    label: str
    changes: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Test:
    """A column of the table: trials that every policy of the study has to play.

    Attributes:
        label: its heading.
        changes: fields of the task; all others are those of the run's training.
        goals: their distribution, one of `scoring.DISTRIBUTIONS`.
        goal_timeout_s: simulated seconds that a goal may take.
    """

    label: str
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    goals: str = "near"
    goal_timeout_s: float = 8.0


@dataclasses.dataclass(frozen=True)
class Study:
    """What is compared.

    Attributes:
        name: of its files.
        title: of its table.
        variants: by name.
        tests: by name.
        pairs: variants whose goals are compared, the second being the reference.
        steps: control steps of a run, where nothing else is asked for.
        seeds: runs of a variant, where nothing else is asked for.
        x: what learning curves are drawn along, as `experiments.compare --x`.
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
    """One training run of a study, done or not."""

    variant: str
    folder: Path
    config: ConfigDict

    @property
    def name(self) -> str:
        return self.folder.name


def plan(study: Study, config: ConfigDict, workdir: Path, steps: int, seeds: int) -> list[Run]:
    """All runs of a study, seed after seed, so that early ones are a study of fewer seeds.

    Args:
        study: what is compared.
        config: of all runs, but for what makes variants.
        workdir: of the study.
        steps: control steps of each run; rounded to whole iterations.
        seeds: of each variant, from `config.seed` on.
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
