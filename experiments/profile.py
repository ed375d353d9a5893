"""Shows what an iteration of training spends its time on, by JAX's profiler.

Prints the operations that took longest, and leaves the whole trace for TensorBoard or Perfetto.
"""

import collections
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax.errors import UserError
from experiments import cli

_WARM_UP = 3  # iterations


def define_flags(values: flags.FlagValues) -> None:
    """This program's own flags."""
    cli.define_engine_flag(values)
    flags.DEFINE_string("out", None, "a new folder for the trace (required)", flag_values=values)
    flags.DEFINE_integer("iterations", 3, "how many are traced", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("top", 25, "operations to print", lower_bound=1, flag_values=values)


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Trains a little, traces a little more."""
    if values.out is None:
        raise UserError("--out is missing: name a new folder for the trace")
    folder = Path(values.out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"--out: {values.out!r} is there already; name a new folder")
    import jax

    from dactyl_jax.envs import make_environment
    from experiments import preparation, training

    config.engine = preparation.engine_name(config)
    trainer = training.make_trainer(config, make_environment(config))
    preparation.check_memory(trainer)
    state = trainer.initial_state()
    for _ in range(_WARM_UP):
        state, _ = trainer.iteration(state)
    jax.block_until_ready(state)
    with jax.profiler.trace(str(folder)):
        for _ in range(values.iterations):
            state, _ = trainer.iteration(state)
        jax.block_until_ready(state)
    (file,) = folder.glob("**/*.xplane.pb")
    print(_table(jax.profiler.ProfileData.from_file(str(file)).planes, values))
    print(f"Trace: {file.parent}")


def _table(planes: Iterable[Any], values: flags.FlagValues) -> str:
    """The longest operations; those of devices where there are any, else of XLA's threads."""
    planes = list(planes)
    devices = [plane for plane in planes if plane.name.startswith("/device:")]
    spent: collections.Counter[str] = collections.Counter()
    calls: collections.Counter[str] = collections.Counter()
    for plane in devices or planes:
        for line in plane.lines:
            for event in line.events:
                if event.name.startswith("$"):  # a frame of Python's
                    continue
                name = event.name.split(".")[0]
                spent[name] += event.duration_ns
                calls[name] += 1
    rows = ["| operation | ms an iteration | calls an iteration |", "| --- | --- | --- |"]
    for name, duration in spent.most_common(values.top):
        milliseconds = duration / 1e6 / values.iterations
        rows.append(f"| {name} | {milliseconds:.2f} | {calls[name] / values.iterations:.0f} |")
    return "\n".join(rows)


main = cli.program(run, __doc__, define_flags, cli.device_preset)


if __name__ == "__main__":
    sys.exit(main())
