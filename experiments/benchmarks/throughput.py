"""Control steps per second of a workload, compared with bare stepping of the same engine."""

import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

from ml_collections import ConfigDict

from dactyl_jax import physics
from dactyl_jax.envs import Reorientation, make_environment
from dactyl_jax.learning import Trainer
from experiments.base import machine
from experiments.benchmarks import workloads
from experiments.training.trainer import check_memory, make_trainer

_ROUNDS = 3  # each measures the workload, then bare stepping
_WINDOWS = 3  # measurement windows per round and measured loop


def measure(mode: str, seconds: float, config: ConfigDict, *, started: float) -> dict[str, Any]:
    """Measures a workload and bare stepping in turn, and prints their rates.

    Args:
        mode: one of `workloads.WORKLOADS`.
        seconds: minimum length of a measurement window.
        config: configuration of the environments and the training.
        started: `time.monotonic()` at the start of the program.
    """
    config.engine = physics.resolve_engine(config.engine)
    env = make_environment(config)
    trainer = make_trainer(config, env)
    check_memory(trainer)
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
        "device": machine.device(),
        "num_envs": config.num_envs,
        "control_steps_per_second": rate,
        "simulated_seconds_per_second": rate * config.env.control_dt,
        "physics_steps_per_second": rate * env.substeps,
        "raw_control_steps_per_second": statistics.median(bare),
        "ratio_to_raw": rate / statistics.median(bare),
        "start_up_s": first - started,
        "compile_s": max(first - before - steps / rate, 0.0),
        "host_memory_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "device_memory_bytes": machine.peak_device_memory(),
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
    """Measures control steps per second over one window."""
    calls, started = 0, time.perf_counter()
    while not calls or time.perf_counter() - started < seconds:
        advance()
        calls += 1
    return calls * steps / (time.perf_counter() - started)


def _bare(trainer: Trainer, env: Reorientation) -> tuple[Callable[[], None], int]:
    """Returns a function that replays a recording in the bare engine, and its control steps."""
    parameters, recorded = workloads.recording(trainer, env)
    length, num_envs = recorded.qpos.shape[:2]
    return physics.raw_replay(env.engine, parameters, recorded, env.substeps), length * num_envs
