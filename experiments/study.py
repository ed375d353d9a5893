"""A study: variants of a configuration, trained for equal experience and measured alike.

    WORKDIR/runs/VARIANT-SEED/   a work directory of experiments.train, and evaluations/TEST.json,
                                 for a study of the memory also probe.json
    WORKDIR/logs/                what the training printed
    WORKDIR/NAME.json            the study's record, from which tables and pictures are made
    WORKDIR/NAME.md, NAME*.png   these

Whatever is there already is kept: the same command goes on where it was stopped.
"""

import dataclasses
import functools
import itertools
import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from absl import flags
from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax import evaluation, randomization
from dactyl_jax.envs import Reorientation, make_environment
from dactyl_jax.errors import UserError
from dactyl_jax.learning import PolicyCheckpoint
from experiments import cli, files, launch, origin, preparation, runs, scoring
from experiments.workdir import WorkDirectory

TRIAL_SEED = 3
_TASK = ("seed", "engine", "randomization", "terms", "env")  # what trials depend on
_CURVE_POINTS = 40
# A size that shows that everything runs, and nothing else. Terms that act in every step are left
# out: they take longest to compile.
_SMOKE = {
    "num_envs": 4,
    "env.bank_size": 4,
    "env.max_goals": 2,
    "ppo.horizon": 4,
    "ppo.chunk": 2,
    "ppo.minibatches": 2,
    "ppo.passes": 1,
} | {
    f"terms.{term.name}.enabled": False
    for term in randomization.TERMS
    if isinstance(term, randomization.terms.StepTerm)
}


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


Record = dict[str, Any]
Finish = Callable[[Sequence[Run], int], Record]


def main(
    study: Study, *, summary: str, argv: Sequence[str] | None, finish: Finish | None = None
) -> int:
    """A study's program; see `cli.run`.

    Args:
        study: what is compared.
        summary: for `--help`.
        argv: the arguments; those of this process by default.
        finish: adds to the record, given all runs and the number of trials.
    """
    backend()
    arguments = sys.argv[1:] if argv is None else argv
    command = shlex.join(["python", "-m", f"experiments.{study.name}", *arguments])

    def program(values: flags.FlagValues, config: ConfigDict) -> None:
        run(study, values, config, command, finish)

    program.__module__ = f"experiments.{study.name}"  # by which errors name it
    return cli.run(
        program,
        summary=summary,
        define_flags=functools.partial(define_flags, study),
        base_config=base_config,
        argv=argv,
    )


def backend() -> str:
    """JAX's, `cpu` or an accelerator; the training processes use the one that this one measures on,
    so it takes memory as it needs it."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    return jax.default_backend()


def define_flags(study: Study, values: flags.FlagValues) -> None:
    """The flags of every study."""
    flags.DEFINE_string(
        "workdir", f"runs/{study.name}", "where the study lives", flag_values=values
    )
    flags.DEFINE_integer(
        "steps",
        study.steps,
        "control steps of each run, summed over its hands",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "seeds", study.seeds, "runs of each variant", lower_bound=1, flag_values=values
    )
    flags.DEFINE_integer(
        "trials", 100, "how many in each evaluation", lower_bound=2, flag_values=values
    )
    flags.DEFINE_integer(
        "parallel",
        1,
        "runs that train at a time, each on its share of the CPUs or on an accelerator of its own",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "smoke", False, "the smallest size at which everything runs", flag_values=values
    )
    cli.define_engine_flag(values)


def base_config(values: flags.FlagValues) -> ConfigDict:
    """The device's preset or that of `--config=FILE`; small where it is to smoke."""
    config = cli.device_preset(values)
    if values.smoke:
        config.update_from_flattened_dict(_SMOKE)
    return config


def smoke(study: Study, values: flags.FlagValues) -> Study:
    """Two variants of a study, and one test with short goals; one iteration of one seed each."""
    for flag, value in (("steps", 1), ("seeds", 1), ("trials", 2)):
        values[flag].value = value
    variants = dict(itertools.islice(study.variants.items(), 2))
    return dataclasses.replace(
        study,
        variants=variants,
        tests={
            name: dataclasses.replace(test, goal_timeout_s=0.8)
            for name, test in itertools.islice(study.tests.items(), 1)
        },
        pairs=[pair for pair in study.pairs if set(pair) <= set(variants)],
    )


def run(
    study: Study,
    values: flags.FlagValues,
    config: ConfigDict,
    command: str,
    finish: Finish | None = None,
) -> None:
    """Trains and measures what is not there yet, and writes the study's files.

    Raises:
        UserError: before the first run, for anything that is wrong with the command.
    """
    if values.smoke:
        study = smoke(study, values)
    workdir = Path(values.workdir)
    target = files.check_output("workdir", str(workdir / f"{study.name}.json"))
    config.engine = preparation.engine_name(config)
    _refuse_decided(study, config, base_config(values))
    planned = plan(study, config, workdir, values.steps, values.seeds)
    if not _train(planned, workdir / "logs", values.parallel):
        print("Stopped; the same command continues.")
        return
    results = _measure(study, planned, values.trials)
    record = assemble(
        name=study.name,
        title=study.title,
        command=command,
        engine=config.engine,
        trials=values.trials,
        tests={
            name: {"label": test.label, "goals": test.goals, "goal_timeout_s": test.goal_timeout_s}
            for name, test in study.tests.items()
        },
        variants={
            name: {
                "label": variant.label,
                "runs": [
                    describe(each.name, each.folder, results[each.name])
                    for each in planned
                    if each.variant == name
                ],
            }
            for name, variant in study.variants.items()
        },
        pairs=study.pairs,
        x=study.x,
    )
    if finish:
        record |= finish(planned, values.trials)
    files.write_json(target, record)
    write(record, workdir)
    print(f"Study: {target.with_suffix('.md')}, with pictures beside it", flush=True)


def write(record: Record, folder: Path) -> None:
    """Writes the tables and pictures of a study's record."""
    name = record["study"]
    files.write_text(folder / f"{name}.md", evaluation.study_markdown(record))
    for picture, draw in evaluation.study_pictures(record).items():
        draw(folder / f"{name}{picture}.png")


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


def _refuse_decided(study: Study, config: ConfigDict, base: ConfigDict) -> None:
    """Refuses fields that make the variants."""
    given, saved = dict(config_lib.leaves(config)), dict(config_lib.leaves(base))
    decided = {field for variant in study.variants.values() for field in variant.changes}
    for field in (*sorted(decided), "run.max_minutes", "run.max_iterations"):
        if given[field] != saved[field]:
            raise UserError(f"--config.{field}: the study decides on it; leave it out")


def _train(planned: Sequence[Run], logs: Path, parallel: int) -> bool:
    """Trains what is not trained yet; whether all is."""
    due = [each for each in planned if not _trained(each)]
    print(f"{len(planned)} runs, {len(due)} of them to train.", flush=True)
    jobs = []
    for each in due:
        arguments = [f"--workdir={each.folder}", "--noreport", *cli.device_overrides(each.config)]
        jobs.append(launch.Job(each.name, arguments, logs / f"{each.name}.log"))
    # A run that was sent a signal of its own ends well, and early.
    return launch.train_all(jobs, parallel) and all(_trained(each) for each in due)


def _trained(each: Run) -> bool:
    return _iterations(each) == each.config.run.max_iterations


def _iterations(each: Run) -> int:
    """How far a run has come; waits for a process that trains it.

    Raises:
        UserError: it is another run, or has gone further than it should.
    """
    workdir = WorkDirectory(each.folder)
    if not workdir.check(each.config):
        return 0
    with workdir.lock(wait=True):
        try:
            done = runs.load_policy(str(each.folder)).iteration
        except ValueError:  # it was stopped before its first checkpoint
            return 0
    if done > each.config.run.max_iterations:
        raise UserError(
            f"--steps: the run in {str(each.folder)!r} has {done} iterations behind it, more than "
            f"{each.config.run.max_iterations}; give more steps or choose another --workdir"
        )
    return done


def _measure(
    study: Study, planned: Sequence[Run], trials: int
) -> dict[str, dict[str, dict[str, Any]]]:
    """Results by run and test; those that are on disk are kept, and one environment serves all
    policies that are measured on the same task."""
    groups: dict[str, tuple[ConfigDict, list[tuple[Run, str, Test]]]] = {}
    for (name, test), each in itertools.product(study.tests.items(), planned):
        task = cli.for_trials(each.config, TRIAL_SEED)
        task.update_from_flattened_dict(test.changes)
        task.env.goal_timeout_s, task.engine = test.goal_timeout_s, each.config.engine
        groups.setdefault(json.dumps(task_fields(task)), (task, []))[1].append((each, name, test))
    results: dict[str, dict[str, dict[str, Any]]] = {each.name: {} for each in planned}
    for key, (task, sharing) in groups.items():
        environment = functools.cache(functools.partial(make_environment, task))
        for each, name, test in sharing:
            checkpoint = runs.load_policy(str(each.folder))
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
            jax.clear_caches()  # compiled programs of one task are of no use to the next
    return results


def task_fields(config: ConfigDict) -> dict[str, Any]:
    """The fields of a configuration that trials depend on, as a file of JSON gives them back."""
    fields = {k: v for k, v in config_lib.leaves(config) if k.split(".")[0] in _TASK}
    return json.loads(json.dumps(fields))


def _play(
    environment: Callable[[], Reorientation],
    checkpoint: PolicyCheckpoint,
    each: Run,
    test: Test,
    trials: int,
) -> dict[str, Any]:
    """The result of a test, with intervals; prints what it says."""
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
    """The result in a file, if it is there, whole, and of just this; else measures and keeps it.

    Args:
        file: of this result, JSON.
        measured_on: all that the result follows from.
        measure: what makes it.
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
    lineage = runs.lineage(str(folder))
    return {
        "name": name,
        "seed": lineage["seed"],
        "commit": lineage["commit"],
        "machine": lineage["machine"],
        "steps": lineage["steps"],
        "years": runs.years(lineage),
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
