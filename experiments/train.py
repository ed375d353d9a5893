"""Trains a policy that turns the object in the hand to the orientation asked for.

Without arguments it picks the engine and the preset for the device. The same command again
continues a run that was stopped, and evaluates a finished one again.
"""

import contextlib
import shlex
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl import flags
from ml_collections import ConfigDict

from dactyl_jax.errors import UserError
from experiments import cli, processes
from experiments.workdir import WorkDirectory

_STARTED = time.monotonic()


def define_flags(values: flags.FlagValues) -> None:
    """This program's own flags."""
    cli.define_training_flags(values)
    cli.define_engine_flag(values)
    flags.DEFINE_boolean(
        "report",
        True,
        "end with an evaluation, a learning curve and a video",
        flag_values=values,
    )
    processes.define_flag(values)
    cli.define_dump_flag(values)
    flags.DEFINE_string(
        "init_from",
        None,
        "go on in a new run with the training of another's work directory, or of pretrained, or of "
        "pretrained:unrandomised",
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "init_from_policy_only",
        None,
        "take nothing but the policy from --init_from",
        flag_values=values,
    )


def run(values: flags.FlagValues, config: ConfigDict, command: str) -> None:
    """Trains, evaluates, draws the learning curve and records a video.

    `command` is what the user typed; a new run keeps it.
    """
    workdir = WorkDirectory(values.workdir or f"runs/{cli.config_name(values)}")
    from dactyl_jax.learning import restore_steps_before
    from experiments import continuation, origin, preparation

    config.engine = preparation.engine_name(config)
    if config.env.world == "surrogate":
        raise UserError(
            "config.env.world is 'surrogate', which stands in for the real robot and is not "
            "trained in; leave it at training, and give it to experiments.evaluate"
        )
    workdir.check(config)
    with workdir.lock() if processes.is_first() else contextlib.nullcontext():
        (resuming,) = processes.agree(workdir.check(config))
        steps_before = restore_steps_before(workdir.path) if resuming else None
        source = None
        if config.init_from and steps_before is None:
            source = continuation.load(config)
            steps_before = source.steps
        teacher = _load_teacher(config) if config.imitation.teacher else None
        if processes.is_first():
            print(
                f"Training in {workdir.path} on {preparation.device()} with the {config.engine} "
                "engine."
            )
        stopped = _train(
            workdir,
            config,
            source,
            teacher,
            steps_before or 0,
            None if resuming else origin.describe(command),
            values.dump_nan,
        )
        if values.report and not stopped and processes.is_first():
            from experiments import run_report

            run_report.write(workdir, config)


def _train(
    workdir: WorkDirectory,
    config: ConfigDict,
    source,
    teacher,
    steps_before: int,
    origin: dict[str, Any] | None,
    dump_nan: str | None,
) -> bool:
    """Trains to the end, or to a signal; whether it was a signal."""
    from dactyl_jax.envs import make_environment
    from dactyl_jax.learning import Checkpoints
    from experiments import continuation, preparation, training
    from experiments.progress import Progress

    start = continuation.initial_curriculum(config, source, teacher)
    limits = np.asarray(start.limits.strength) if config.adr.enabled else None
    env = make_environment(config, limits, dump_nan=dump_nan)
    agent = teacher.agent if teacher else None
    trainer = training.make_trainer(config, env, start, agent, steps_before)
    preparation.check_memory(trainer)
    state = trainer.initial_state()
    if source is not None:
        begun, said = continuation.begin(state, trainer, source)
        state = trainer.place(begun)
        if processes.is_first():
            print(said, flush=True)
    if origin is not None and processes.is_first():
        workdir.claim(config, origin)
    checkpoints = Checkpoints(workdir.path)
    try:
        if checkpoints.latest_iteration() is None:
            training.save(checkpoints, trainer, state)
        else:
            state = checkpoints.restore(state)
            print(f"Continuing after iteration {int(state.iteration)}.", flush=True)
        progress = Progress(config.run.max_minutes, config.run.max_iterations)
        state, stopped = training.train(
            trainer, env, state, checkpoints, workdir, progress, started=_STARTED
        )
    finally:
        checkpoints.close()
    if stopped and processes.is_first():
        print(f"Stopped after iteration {int(state.iteration)}; the same command continues.")
    return stopped


def _load_teacher(config: ConfigDict):
    """The policy to imitate; it must act as this run's does, and see what its value function sees.

    Raises:
        UserError: there is none, or it differs.
    """
    from experiments import runs

    folder = config.imitation.teacher
    theirs = runs.load_config(folder)
    if theirs.env.policy_observation != "state":
        raise UserError(
            f"config.imitation.teacher: the policy in {folder!r} was trained with "
            f"env.policy_observation={theirs.env.policy_observation!r}; train a teacher with "
            "--config.env.policy_observation=state"
        )
    for field in ("action", "smoothed", "value_observation"):
        if theirs.env[field] != config.env[field]:
            raise UserError(
                f"config.imitation.teacher: the policy in {folder!r} was trained with "
                f"env.{field}={theirs.env[field]!r}; give this run "
                f"--config.env.{field}={theirs.env[field]}"
            )
    return runs.load_policy(folder)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; see `cli.run`."""
    arguments = sys.argv[1:] if argv is None else argv
    command = shlex.join(["python", "-m", "experiments.train", *arguments])

    def preset(values: flags.FlagValues) -> ConfigDict:
        processes.join(values.distributed)
        return cli.device_preset(values)

    def program(values: flags.FlagValues, config: ConfigDict) -> None:
        run(values, config, command)

    return cli.run(
        program,
        summary=__doc__ or "",
        define_flags=define_flags,
        base_config=preset,
        argv=argv,
    )


if __name__ == "__main__":
    sys.exit(main())
