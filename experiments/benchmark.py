"""Measures control steps per second, and the same engine's bare stepping in the same run.

Bare stepping repeats recorded states and controls with nothing of this project around the engine.
Both are measured in turns, after a warm-up, and reported as medians over the turns.
"""

import functools
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from absl import flags
from ml_collections import ConfigDict

from experiments import cli, files

if TYPE_CHECKING:
    from dactyl_jax.envs import Reorientation
    from dactyl_jax.learning import Trainer

_ROUNDS = 3  # turns of ours and bare stepping
_WINDOWS = 3  # in a turn


def define_flags(values: flags.FlagValues) -> None:
    """This program's own flags."""
    cli.define_engine_flag(values)
    flags.DEFINE_integer(
        "num_envs", None, "environments; short for --config.num_envs", flag_values=values
    )
    flags.DEFINE_enum(
        "mode",
        "train",
        ["physics", "env", "rollout", "train"],
        "what is measured: the engine's interface, the task with random actions, "
        "the policy's roll-out, or whole iterations of training",
        flag_values=values,
    )
    flags.DEFINE_float(
        "seconds", 2.0, "the least that a window lasts, s", lower_bound=0.01, flag_values=values
    )
    flags.DEFINE_string("json", None, "a file to write the result to", flag_values=values)


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Measures and prints."""
    target = files.check_output("json", values.json) if values.json else None
    from dactyl_jax.envs import make_environment
    from experiments import preparation, training, workloads

    config.engine = preparation.engine_name(config)
    env = make_environment(config)
    trainer = training.make_trainer(config, env)
    preparation.check_memory(trainer)
    ours, bare = [], []
    turn = _bare_turn(trainer, env, values.seconds)
    advance, steps = workloads.WORKLOADS[values.mode](trainer, env)
    advance()
    for _ in range(_ROUNDS):
        ours += [_rate(advance, steps, values.seconds) for _ in range(_WINDOWS)]
        bare.append(turn())
        print(f"{ours[-1]:.0f} control steps/s, bare stepping {bare[-1]:.0f}", flush=True)
    result = {
        "mode": values.mode,
        "engine": config.engine,
        "device": preparation.device(),
        "num_envs": config.num_envs,
        "control_steps_per_second": statistics.median(ours),
        "raw_control_steps_per_second": statistics.median(bare),
        "ratio_to_raw": statistics.median(ours) / statistics.median(bare),
        "windows": ours,
        "raw_windows": bare,
    }
    _print(result)
    if target is not None:
        files.write_json(target, result)


def _rate(advance: Callable[[], None], steps: int, seconds: float) -> float:
    """Control steps/s of a window."""
    calls, started = 0, time.perf_counter()
    while not calls or time.perf_counter() - started < seconds:
        advance()
        calls += 1
    return calls * steps / (time.perf_counter() - started)


def _bare_turn(trainer: "Trainer", env: "Reorientation", seconds: float) -> Callable[[], float]:
    """Measures bare stepping, in one turn of as many windows as ours."""
    from dactyl_jax import physics
    from experiments import workloads

    parameters, recorded = workloads.recording(trainer, env)
    return functools.partial(
        physics.raw_control_steps_per_second,
        env.engine,
        parameters,
        recorded,
        env.substeps,
        windows=_WINDOWS,
        seconds=seconds,
    )


def _print(result: dict[str, Any]) -> None:
    print(
        f"{result['mode']}: {result['control_steps_per_second']:.0f} control steps/s, "
        f"{result['ratio_to_raw']:.2f} of the {result['engine']} engine's bare "
        f"{result['raw_control_steps_per_second']:.0f}, "
        f"{result['num_envs']} environments on {result['device']}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; see `cli.run`."""
    return cli.run(
        run,
        summary=__doc__ or "",
        define_flags=define_flags,
        base_config=cli.device_preset,
        argv=argv,
    )


if __name__ == "__main__":
    sys.exit(main())
