"""One call of the training program: starts or resumes a run, trains and evaluates it."""

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import physics
from dactyl_jax.envs import make_environment
from dactyl_jax.errors import UserError
from dactyl_jax.learning import Checkpoints, PolicyCheckpoint, restore_steps_before
from experiments.base import machine, origin
from experiments.runs import policies
from experiments.runs.workdir import WorkDirectory
from experiments.training import continuation, loop, processes, teacher
from experiments.training.continuation import Source
from experiments.training.progress import Progress
from experiments.training.trainer import check_memory, make_trainer


def run(
    workdir: WorkDirectory,
    config: ConfigDict,
    command: str,
    *,
    started: float,
    dump_nan: str | None = None,
    finish: Callable[[WorkDirectory, ConfigDict], None] | None = None,
) -> None:
    """Trains a new run, or resumes the one in the work directory.

    Args:
        workdir: work directory of the run; locked until this function returns.
        config: configuration of the run.
        command: command line, as the user typed it; a new run stores it.
        started: `time.monotonic()` at the start of the program, from which minutes count.
        dump_nan: folder for diverged simulations, or None.
        finish: called by the first process when the run is finished.

    Raises:
        UserError: the configuration cannot be trained, or differs from the existing run's.
    """
    config.engine = physics.resolve_engine(config.engine)
    if config.env.world == "surrogate":
        raise UserError(
            "config.env.world is 'surrogate', which replaces the physical robot in evaluations; "
            "train with 'training', and use 'surrogate' in experiments.evaluate"
        )
    workdir.check(config)
    with workdir.lock() if processes.is_first() else contextlib.nullcontext():
        (resuming,) = processes.agree(workdir.check(config))
        steps_before = restore_steps_before(workdir.path) if resuming else None
        source = None
        if config.init_from and steps_before is None:
            source = continuation.load(config)
            steps_before = source.steps
        imitated = teacher.load(config, workdir) if config.imitation.teacher else None
        if processes.is_first():
            print(
                f"Training in {workdir.path} on {machine.device()} with the {config.engine} engine."
            )
        stopped = _train(
            workdir,
            config,
            source,
            imitated,
            steps_before or 0,
            None if resuming else origin.describe(command) | policies.ancestors(config),
            dump_nan,
            started,
        )
        if finish and not stopped and processes.is_first():
            finish(workdir, config)


def _train(
    workdir: WorkDirectory,
    config: ConfigDict,
    source: Source | None,
    imitated: PolicyCheckpoint | None,
    steps_before: int,
    came_from: dict[str, Any] | None,
    dump_nan: str | None,
    started: float,
) -> bool:
    """Trains until the run is finished or a signal arrives; returns whether a signal stopped it."""
    start = continuation.initial_curriculum(config, source, imitated)
    limits = np.asarray(start.limits.strength) if config.adr.enabled else None
    env = make_environment(config, limits, dump_nan=dump_nan)
    agent = imitated.agent if imitated else None
    trainer = make_trainer(config, env, start, agent, steps_before)
    check_memory(trainer)
    state = trainer.initial_state()
    if source is not None:
        begun, said = continuation.begin(state, trainer, source)
        state = trainer.place(begun)
        if processes.is_first():
            print(said, flush=True)
    if came_from is not None and processes.is_first():
        workdir.claim(config, came_from)
    if imitated is not None and processes.is_first():
        teacher.keep(config, workdir)
    checkpoints = Checkpoints(workdir.path)
    try:
        if checkpoints.latest_iteration() is None:
            loop.save(checkpoints, trainer, state)
        else:
            state = checkpoints.restore(state)
            print(f"Continuing after iteration {int(state.iteration)}.", flush=True)
        progress = Progress(config.run.max_minutes, config.run.max_iterations)
        state, stopped = loop.train(
            trainer, env, state, checkpoints, workdir, progress, started=started
        )
    finally:
        checkpoints.close()
    if stopped and processes.is_first():
        print(f"Stopped after iteration {int(state.iteration)}; run the same command to continue.")
    return stopped
