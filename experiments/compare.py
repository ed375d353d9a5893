"""Draws the learning curves of several runs in one figure, and prints their final results.

    python -m experiments.compare [NAME=]DIR [NAME=]DIR ... --out=FILE.png

DIR is a work directory, or a study's directory, which stands for all of its runs. Runs are grouped
into families, one colour each: runs without a NAME whose configurations differ only in the seed,
and runs named NAME, NAME#2, NAME#3, ... If all runs have results of the same study tests, the
program also compares these and draws them in FILE_goals.png.
"""

import sys
from collections.abc import Sequence

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax.errors import UserError
from experiments import command_line
from experiments.base import files


def define_flags(values: flags.FlagValues) -> None:
    """Defines this program's flags."""
    flags.DEFINE_multi_string(
        "run", [], "[NAME=]DIR; the same as a positional argument", flag_values=values
    )
    flags.DEFINE_string("out", None, "PNG file to write", flag_values=values)
    flags.DEFINE_string("title", "Learning curves", "title of the figure", flag_values=values)
    flags.DEFINE_enum(
        "x",
        "wall",
        ["wall", "steps"],
        "horizontal axis: wall-clock minutes, or control steps",
        flag_values=values,
    )


def base_config(values: flags.FlagValues) -> ConfigDict:
    """Checks the flags and returns the defaults, which are unused: each run has a configuration."""
    if not values.run:
        raise UserError("no run is named: write experiments.compare [NAME=]DIR [NAME=]DIR ...")
    return config_lib.default()


def run(values: flags.FlagValues, config: ConfigDict, command: str) -> None:
    """Prints the results and draws the figures."""
    command_line.refuse_overrides(values, config, config_lib.default())
    target = files.check_output("out", values.out, [".png"]) if values.out else None
    from experiments.studies import comparison

    comparison.compare(values.run, target, values.title, command, values.x)


def _with_flags(arguments: Sequence[str]) -> list[str]:
    """Adds `--run=` to each positional argument."""
    return [each if each.startswith("-") else f"--run={each}" for each in arguments]


main = command_line.recorded_program(run, __doc__, define_flags, base_config, rewrite=_with_flags)


if __name__ == "__main__":
    sys.exit(main())
