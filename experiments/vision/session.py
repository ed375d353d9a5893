"""One call of the vision training program: starts or resumes a run, trains and evaluates it."""

from typing import Any

from ml_collections import ConfigDict

from dactyl_jax.vision.checkpoints import VisionCheckpoints
from experiments.base import machine, origin
from experiments.runs.workdir import WorkDirectory
from experiments.training.progress import Progress
from experiments.vision import loop, start, work


def run(workdir: WorkDirectory, config: ConfigDict, command: str, *, started: float) -> None:
    """Trains, evaluates the network and draws the learning curve, even if training was stopped.

    Args:
        workdir: work directory of the run; locked until this function returns.
        config: configuration of the run.
        command: command line, as the user typed it; a new run stores it.
        started: `time.monotonic()` at the start of the program, from which minutes count.

    Raises:
        UserError: the configuration differs from the existing run's.
    """
    workdir.check(config)
    with workdir.lock():
        resuming = workdir.check(config)
        print(f"Training in {workdir.path} on {machine.device()}.", flush=True)
        _train(workdir, config, None if resuming else origin.describe(command), started)


def _train(
    workdir: WorkDirectory, config: ConfigDict, came_from: dict[str, Any] | None, started: float
) -> None:
    prepared = work.prepare(config)
    state = prepared.trainer.initial_state()
    if came_from is not None and config.init_from:
        state, line = start.load(config.init_from, prepared.trainer, state)
        print(line, flush=True)
    if came_from is not None:
        workdir.claim(config, came_from)
    checkpoints = VisionCheckpoints(workdir.path)
    try:
        if checkpoints.latest_iteration() is not None:
            state = checkpoints.restore(state)
            print(f"Continuing after iteration {int(state.iteration)}.", flush=True)
        progress = Progress(config.run.max_minutes, config.run.max_iterations, loop.columns)
        state, stopped = loop.train(
            prepared, state, checkpoints, workdir, progress, started=started
        )
    finally:
        checkpoints.close()
    loop.report(prepared, state, workdir)
    if stopped:
        print(f"Stopped after iteration {int(state.iteration)}; run the same command to continue.")
