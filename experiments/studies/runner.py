"""Runs a study: trains variants of a configuration with equal experience, and evaluates them alike.

    WORKDIR/runs/VARIANT-SEED/   work directory of experiments.train, with evaluations/TEST.json;
                                 in the memory study also probe.json
    WORKDIR/logs/                output of the training processes
    WORKDIR/NAME.json            the study's record, from which tables and figures are made
    WORKDIR/NAME.md, NAME*.png   tables and figures

Existing results are kept: the same command resumes a stopped study.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax import physics
from dactyl_jax.errors import UserError
from experiments.base import files
from experiments.studies import commands, design, measurement, training
from experiments.studies import record as record_lib
from experiments.studies.design import Run, Study
from experiments.studies.record import Record

Finish = Callable[[Sequence[Run], int], Record]


def run(
    study: Study,
    values: flags.FlagValues,
    config: ConfigDict,
    command: str,
    finish: Finish | None = None,
) -> None:
    """Trains and evaluates what is missing, and writes the study's files.

    Args:
        study: the study.
        values: the flags.
        config: configuration of all runs, except the variants' fields.
        command: command line, as the user typed it.
        finish: returns additions to the record, given all runs and the number of trials.

    Raises:
        UserError: the command is invalid; raised before the first run.
    """
    if values.smoke:
        study = commands.smoke(study, values)
    workdir = Path(values.workdir)
    target = files.check_output("workdir", str(workdir / f"{study.name}.json"))
    config.engine = physics.resolve_engine(config.engine)
    _refuse_decided(study, config, commands.base_config(values))
    planned = design.plan(study, config, workdir, values.steps, values.seeds)
    if not training.train(planned, workdir / "logs", values.parallel):
        print("Stopped; run the same command to continue.")
        return
    results = measurement.measure(study, planned, values.trials)
    record = record_lib.assemble(
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
                    record_lib.describe(each.name, each.folder, results[each.name])
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
    record_lib.write(record, workdir)
    print(f"Study: {target.with_suffix('.md')}, with figures in the same folder", flush=True)


def _refuse_decided(study: Study, config: ConfigDict, base: ConfigDict) -> None:
    """Refuses fields that the study sets."""
    given, saved = dict(config_lib.leaves(config)), dict(config_lib.leaves(base))
    decided = {field for variant in study.variants.values() for field in variant.changes}
    for field in (*sorted(decided), "run.max_minutes", "run.max_iterations"):
        if given[field] != saved[field]:
            raise UserError(f"--config.{field}: the study sets this field; leave it out")
