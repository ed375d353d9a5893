"""Measures control steps per second, and the same engine's bare stepping in the same run.

Bare stepping repeats recorded states and controls with nothing of this project around the engine.
Both are measured in turns, after a warm-up, and reported as medians over the turns. With --sweep,
several engines and numbers of environments, each in a process of its own.
"""

import resource
import statistics
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from absl import flags
from ml_collections import ConfigDict

from experiments import cli, files, sweep

if TYPE_CHECKING:
    from dactyl_jax.envs import Reorientation
    from dactyl_jax.learning import Trainer

_STARTED = time.monotonic()
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
    sweep.define_flags(values)


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Measures and prints."""
    target = files.check_output("json", values.json) if values.json else None
    if values.sweep:
        result = sweep.run(values, config)
    else:
        sweep.refuse_its_flags(values)
        result = _measure(values.mode, values.seconds, config)
    if target is not None:
        files.write_json(target, result)


def _measure(mode: str, seconds: float, config: ConfigDict) -> dict[str, Any]:
    from dactyl_jax.envs import make_environment
    from experiments import preparation, training, workloads

    config.engine = preparation.engine_name(config)
    env = make_environment(config)
    trainer = training.make_trainer(config, env)
    preparation.check_memory(trainer)
    advance, steps = workloads.WORKLOADS[mode](trainer, env)
    before = time.monotonic()
    advance()
    first = time.monotonic()
    replay, replayed = _bare(trainer, env)
    replay()
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(_ROUNDS):
        ours += [_rate(advance, steps, seconds) for _ in range(_WINDOWS)]
        bare += [_rate(replay, replayed, seconds) for _ in range(_WINDOWS)]
        print(f"{ours[-1]:.0f} control steps/s, bare stepping {bare[-1]:.0f}", flush=True)
    rate = statistics.median(ours)
    result = {
        "mode": mode,
        "engine": config.engine,
        "device": preparation.device(),
        "num_envs": config.num_envs,
        "control_steps_per_second": rate,
        "simulated_seconds_per_second": rate * config.env.control_dt,
        "physics_steps_per_second": rate * env.substeps,
        "raw_control_steps_per_second": statistics.median(bare),
        "ratio_to_raw": rate / statistics.median(bare),
        "start_up_s": first - _STARTED,
        "compile_s": max(first - before - steps / rate, 0.0),
        "host_memory_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "device_memory_bytes": preparation.peak_device_memory(),
        "network": {name: config.network[name] for name in ("memory", "dense", "lstm")},
        "ppo": {name: config.ppo[name] for name in ("horizon", "chunk", "minibatches", "passes")},
        "randomization": config.randomization,
        "windows": ours,
        "raw_windows": bare,
    }
    print(
        f"{mode}: {rate:.0f} control steps/s, {result['ratio_to_raw']:.2f} of the {config.engine} "
        f"engine's bare {result['raw_control_steps_per_second']:.0f}, {config.num_envs} "
        f"environments on {result['device']}; first result after {result['start_up_s']:.0f} s"
    )
    return result


def _rate(advance: Callable[[], None], steps: int, seconds: float) -> float:
    """Control steps/s of a window."""
    calls, started = 0, time.perf_counter()
    while not calls or time.perf_counter() - started < seconds:
        advance()
        calls += 1
    return calls * steps / (time.perf_counter() - started)


def _bare(trainer: "Trainer", env: "Reorientation") -> tuple[Callable[[], None], int]:
    """The engine's bare stepping of a recording, and the control steps in it."""
    from dactyl_jax import physics
    from experiments import workloads

    parameters, recorded = workloads.recording(trainer, env)
    length, num_envs = recorded.qpos.shape[:2]
    return physics.raw_replay(env.engine, parameters, recorded, env.substeps), length * num_envs


main = cli.program(run, __doc__, define_flags, cli.device_preset)


if __name__ == "__main__":
    sys.exit(main())
