"""The training loop: iterate, show progress, record metrics and save checkpoints."""

import dataclasses
import time
from typing import Any

import jax
import numpy as np

from dactyl_jax.envs import Reorientation, adr
from dactyl_jax.learning import Checkpoints, Trainer, TrainState
from experiments.runs.workdir import WorkDirectory
from experiments.training import processes
from experiments.training.events import Events
from experiments.training.progress import Progress
from experiments.training.signals import stop_signals


def save(checkpoints: Checkpoints, trainer: Trainer, state: TrainState) -> None:
    """Saves a state, with what other runs need to continue from it."""
    checkpoints.save(
        state,
        trainer.networks,
        trainer.steps(state),
        trainer.steps_before,
        adr.by_term(trainer.config, state.curriculum.limits),
    )


def train(
    trainer: Trainer,
    env: Reorientation,
    state: TrainState,
    checkpoints: Checkpoints,
    workdir: WorkDirectory,
    progress: Progress,
    *,
    started: float,
) -> tuple[TrainState, bool]:
    """Trains until the run reaches `run.max_minutes` or `run.max_iterations`, or a signal arrives.

    Each iteration's metrics are written before the checkpoint that includes it. Resuming drops rows
    after the checkpoint, so metrics and state agree.

    Args:
        trainer: trainer of this run.
        env: its environment.
        state: state to continue from; its buffers are donated.
        checkpoints: open checkpoint store; the last state is always saved in it.
        workdir: receives metrics and TensorBoard events.
        progress: shows each iteration.
        started: `time.monotonic()` at the start of the program, from which minutes count.

    Returns:
        The last state, and whether a signal stopped the training.
    """
    run = trainer.config.run
    first = processes.is_first()
    rows = workdir.keep_metrics(int(state.iteration)) if first else []
    minutes_before = rows[-1]["wall_minutes"] if rows else 0.0

    def minutes() -> float:
        return minutes_before + (time.monotonic() - started) / 60

    def finished() -> bool:
        enough = 0 < run.max_iterations <= int(state.iteration)
        return enough or 0 < run.max_minutes <= minutes()

    events = Events(workdir.tensorboard if first else None, int(state.iteration) + 1)
    stored = time.monotonic()
    with events, stop_signals() as stop, progress:
        while True:
            due = time.monotonic() - stored >= run.checkpoint_s
            over, due = processes.agree(finished() or stop.is_set(), due)
            if due or over:
                stored = time.monotonic()
                save(checkpoints, trainer, state)
            if over:
                (stopped,) = processes.agree(stop.is_set())
                return state, stopped
            begun = time.monotonic()
            state = _with_new_bank(env, state)
            state, metrics = trainer.iteration(state)
            row = _row(trainer, state, jax.device_get(metrics), begun)
            row["wall_minutes"] = minutes()
            if first:
                workdir.append_metrics(row)
                events.add(row["iteration"], row)
                progress.show(row)


def _with_new_bank(env: Reorientation, state: TrainState) -> TrainState:
    """Redraws initial states and models in the iterations that are due for it.

    This depends only on the iteration, and checkpoints are saved between iterations: a resumed run
    redraws at the same iterations as an uninterrupted one.
    """
    config, iteration = env.config, int(state.iteration)
    every = config.env.bank_redraw
    if not (every and iteration and iteration % every == 0):
        return state
    limits = state.curriculum.limits
    env_state = env.redraw(
        state.actors.env_state,
        iteration // every,
        np.asarray(limits.strength) if config.adr.enabled else None,
    )
    return dataclasses.replace(
        state,
        actors=dataclasses.replace(state.actors, env_state=env_state),
        curriculum=dataclasses.replace(state.curriculum, limits=adr.redrawn(limits)),
    )


def _row(
    trainer: Trainer, state: TrainState, metrics: dict[str, Any], begun: float
) -> dict[str, Any]:
    config = trainer.config
    seconds = time.monotonic() - begun
    limits = adr.by_term(config, state.curriculum.limits)
    values = {name: value.item() for name, value in metrics.items()}
    values["environment_minutes"] = values.pop("minutes")
    return {
        "iteration": int(state.iteration),
        "control_steps": trainer.steps(state),
        "control_steps_per_second": config.num_envs * config.ppo.horizon / seconds,
        **values,
        **{f"limit_{term}": limit for term, limit in limits.items()},
    }
