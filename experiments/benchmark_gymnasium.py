"""Compares training speed with bare stepping of Gymnasium-Robotics' hand on the same CPU cores.

The other environment is HandManipulateBlock with random actions, one process per core. It needs an
older MuJoCo, so the first call installs it with pip in a separate virtual environment. The two
measurements alternate.
"""

import sys
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict

from experiments import command_line
from experiments.base import files


def define_flags(values: flags.FlagValues) -> None:
    """Defines this program's flags."""
    flags.DEFINE_string(
        "venv",
        None,
        "virtual environment of Gymnasium-Robotics, created if it does not exist; "
        "default: ~/.cache/dactyl_jax/gymnasium",
        flag_values=values,
    )
    flags.DEFINE_float(
        "seconds",
        5.0,
        "length of each measurement of Gymnasium-Robotics, s",
        lower_bound=0.1,
        flag_values=values,
    )
    flags.DEFINE_string("json", None, "JSON file for the result", flag_values=values)


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Measures both and prints the ratio."""
    target = files.check_output("json", values.json, [".json"]) if values.json else None
    from experiments.benchmarks import gymnasium

    folder = Path(values.venv or Path.home() / ".cache" / "dactyl_jax" / "gymnasium")
    summary = gymnasium.compare(folder, values.seconds, config)
    if target is not None:
        files.write_json(target, summary)


main = command_line.program(run, __doc__, define_flags, command_line.device_preset)


if __name__ == "__main__":
    sys.exit(main())
