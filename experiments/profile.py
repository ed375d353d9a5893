"""Profiles training iterations with JAX's profiler.

Prints the operations that took longest, and writes the full trace for TensorBoard or Perfetto.
"""

import sys
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax.errors import UserError
from experiments import command_line


def define_flags(values: flags.FlagValues) -> None:
    """Defines this program's flags."""
    command_line.define_engine_flag(values)
    flags.DEFINE_string("out", None, "new folder for the trace (required)", flag_values=values)
    flags.DEFINE_integer(
        "iterations", 3, "number of traced iterations", lower_bound=1, flag_values=values
    )
    flags.DEFINE_integer(
        "top", 25, "number of operations to print", lower_bound=1, flag_values=values
    )


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Trains for a warm-up, then traces a few iterations."""
    if values.out is None:
        raise UserError("--out is missing: name a new folder for the trace")
    folder = Path(values.out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"--out: {values.out!r} already exists; name a new folder")
    from experiments.benchmarks import profile

    profile.trace(config, folder, iterations=values.iterations, top=values.top)


main = command_line.program(run, __doc__, define_flags, command_line.device_preset)


if __name__ == "__main__":
    sys.exit(main())
