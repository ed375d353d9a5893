"""Compares training here with bare stepping of Gymnasium-Robotics' hand on the same cores.

That is HandManipulateBlock with random actions, one process a core. It needs an older MuJoCo, so it
gets a virtual environment of its own, built with pip the first time. Both are measured in turns.
"""

import sys
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict

from experiments import command_line
from experiments.base import files


def define_flags(values: flags.FlagValues) -> None:
    """This program's own flags."""
    flags.DEFINE_string(
        "venv",
        None,
        "where Gymnasium-Robotics is installed, or will be; default: ~/.cache/dactyl_jax/gymnasium",
        flag_values=values,
    )
    flags.DEFINE_float(
        "seconds", 5.0, "that a turn of theirs lasts, s", lower_bound=0.1, flag_values=values
    )
    flags.DEFINE_string("json", None, "a file to write the result to", flag_values=values)


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Measures in turns and prints the ratio."""
    target = files.check_output("json", values.json) if values.json else None
    from experiments.benchmarks import gymnasium

    folder = Path(values.venv or Path.home() / ".cache" / "dactyl_jax" / "gymnasium")
    summary = gymnasium.compare(folder, values.seconds, config)
    if target is not None:
        files.write_json(target, summary)


main = command_line.program(run, __doc__, define_flags, command_line.device_preset)


if __name__ == "__main__":
    sys.exit(main())
