"""A study: variants of a configuration, trained for equal experience and measured alike.

    WORKDIR/runs/VARIANT-SEED/   a work directory of experiments.train, and evaluations/TEST.json,
                                 for a study of the memory also probe.json
    WORKDIR/logs/                what the training printed
    WORKDIR/NAME.json            the study's record, from which tables and pictures are made
    WORKDIR/NAME.md, NAME*.png   these

Whatever is there already is kept: the same command goes on where it was stopped.
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
    """Trains and measures what is not there yet, and writes the study's files.

    Args:
        study: what is compared.
        values: the flags.
        config: of all runs, but for what makes variants.
        command: what the user typed.
        finish: adds to the record, given all runs and the number of trials.

    Raises:
        UserError: before the first run, for anything that is wrong with the command.
    """
    if values.smoke:
        study = commands.smoke(study, values)
    workdir = Path(values.workdir)
    target = files.check_output("workdir", str(workdir / f"{study.name}.json"))
    config.engine = physics.resolve_engine(config.engine)
    _refuse_decided(study, config, commands.base_config(values))
    planned = design.plan(study, config, workdir, values.steps, values.seeds)
    if not training.train(planned, workdir / "logs", values.parallel):
        print("Stopped; the same command continues.")
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
    print(f"Study: {target.with_suffix('.md')}, with pictures beside it", flush=True)


def _refuse_decided(study: Study, config: ConfigDict, base: ConfigDict) -> None:
    """Refuses fields that make the variants."""
    given, saved = dict(config_lib.leaves(config)), dict(config_lib.leaves(base))
    decided = {field for variant in study.variants.values() for field in variant.changes}
    for field in (*sorted(decided), "run.max_minutes", "run.max_iterations"):
        if given[field] != saved[field]:
            raise UserError(f"--config.{field}: the study decides on it; leave it out")
