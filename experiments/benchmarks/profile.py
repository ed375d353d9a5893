"""A profile of training iterations, recorded with JAX's profiler."""

import collections
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from dactyl_jax import physics
from dactyl_jax.envs import make_environment
from experiments.training.trainer import check_memory, make_trainer

_WARM_UP = 3  # iterations


def trace(config: ConfigDict, folder: Path, *, iterations: int, top: int) -> None:
    """Trains for a warm-up, traces a few iterations and prints the longest operations.

    Args:
        config: training configuration.
        folder: output folder of the trace.
        iterations: number of traced iterations.
        top: number of operations to print.
    """
    config.engine = physics.resolve_engine(config.engine)
    trainer = make_trainer(config, make_environment(config))
    check_memory(trainer)
    state = trainer.initial_state()
    for _ in range(_WARM_UP):
        state, _ = trainer.iteration(state)
    jax.block_until_ready(state)
    with jax.profiler.trace(str(folder)):
        for _ in range(iterations):
            state, _ = trainer.iteration(state)
        jax.block_until_ready(state)
    (file,) = folder.glob("**/*.xplane.pb")
    print(_table(jax.profiler.ProfileData.from_file(str(file)).planes, iterations, top))
    print(f"Trace: {file.parent}")


def _table(planes: Iterable[Any], iterations: int, top: int) -> str:
    """Formats the longest operations: those of the devices if any, else those of XLA's threads."""
    planes = list(planes)
    devices = [plane for plane in planes if plane.name.startswith("/device:")]
    spent: collections.Counter[str] = collections.Counter()
    calls: collections.Counter[str] = collections.Counter()
    for plane in devices or planes:
        for line in plane.lines:
            for event in line.events:
                if event.name.startswith("$"):  # a Python frame
                    continue
                name = event.name.split(".")[0]
                spent[name] += event.duration_ns
                calls[name] += 1
    rows = ["| operation | ms an iteration | calls an iteration |", "| --- | --- | --- |"]
    for name, duration in spent.most_common(top):
        milliseconds = duration / 1e6 / iterations
        rows.append(f"| {name} | {milliseconds:.2f} | {calls[name] / iterations:.0f} |")
    return "\n".join(rows)
