"""Trains the network that tells the object's pose from three cameras.

Without arguments it picks the preset for the device. The same command again continues a run that
was stopped, and evaluates a finished one again.
"""

import shlex
import sys
import time
from collections.abc import Sequence
from typing import Any

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax.vision import config as schema
from experiments import cli, vision_runs
from experiments.workdir import WorkDirectory

_STARTED = time.monotonic()
PROGRAM = "experiments.train_vision"


def define_flags(values: flags.FlagValues) -> None:
    """This program's own flags."""
    cli.define_training_flags(values)


def base_config(values: flags.FlagValues) -> ConfigDict:
    """That of `--config=FILE`, or `vision_quick` on a CPU, or the defaults elsewhere."""
    if values.config:
        return cli.load_config_file(values.config, schema)
    if cli.device_preset_name() == "quick":
        return cli.load_config_file(str(cli.CONFIGS / "vision_quick.py"), schema)
    return schema.default()


def run(values: flags.FlagValues, config: ConfigDict, command: str) -> None:
    """Trains, then measures the network and draws the learning curve, also when it is stopped.

    `command` is what the user typed; a new run keeps it.
    """
    from experiments import origin, preparation

    name = cli.config_name(values) if values.config else "vision"
    workdir = vision_runs.work_directory(values.workdir or f"runs/{name}")
    workdir.check(config)
    with workdir.lock():
        resuming = workdir.check(config)
        print(f"Training in {workdir.path} on {preparation.device()}.", flush=True)
        _train(workdir, config, None if resuming else origin.describe(command))


def _train(workdir: WorkDirectory, config: ConfigDict, origin: dict[str, Any] | None) -> None:
    from dactyl_jax.vision.checkpoints import VisionCheckpoints
    from experiments import vision_training
    from experiments.progress import Progress

    work = vision_training.prepare(config)
    state = work.trainer.initial_state()
    if origin is not None:
        workdir.claim(config, origin)
    checkpoints = VisionCheckpoints(workdir.path)
    try:
        if checkpoints.latest_iteration() is not None:
            state = checkpoints.restore(state)
            print(f"Continuing after iteration {int(state.iteration)}.", flush=True)
        progress = Progress(
            config.run.max_minutes, config.run.max_iterations, vision_training.columns
        )
        state, stopped = vision_training.train(
            work, state, checkpoints, workdir, progress, started=_STARTED
        )
    finally:
        checkpoints.close()
    vision_training.report(work, state, workdir)
    if stopped:
        print(f"Stopped after iteration {int(state.iteration)}; the same command continues.")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; see `cli.run`."""
    arguments = sys.argv[1:] if argv is None else argv
    command = shlex.join(["python", "-m", PROGRAM, *arguments])

    def program(values: flags.FlagValues, config: ConfigDict) -> None:
        run(values, config, command)

    return cli.run(
        program,
        summary=__doc__ or "",
        define_flags=define_flags,
        base_config=base_config,
        argv=argv,
        schema=schema,
    )


if __name__ == "__main__":
    sys.exit(main())
