"""Draws the learning curves of several runs in one picture, and prints what each came to.

    python -m experiments.compare [NAME=]DIR [NAME=]DIR ... --out=FILE.png

DIR is a work directory, or a study's, which stands for all of its runs. Runs without a NAME whose
configurations differ in nothing but the seed are one family of one colour, as are runs whose names
end in #2, #3, ... and the one before them. Of studies' runs the trials that all have played are
compared, too, and FILE_goals.png shows them.
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
    """This program's own flags."""
    flags.DEFINE_multi_string(
        "run", [], "[NAME=]DIR; the same as DIR without the flag", flag_values=values
    )
    flags.DEFINE_string("out", None, "the PNG file to draw to", flag_values=values)
    flags.DEFINE_string("title", "Learning curves", "of the picture", flag_values=values)
    flags.DEFINE_enum(
        "x",
        "wall",
        ["wall", "steps"],
        "along minutes on the clock, or control steps",
        flag_values=values,
    )


def base_config(values: flags.FlagValues) -> ConfigDict:
    """The defaults, which stay: each run has its own configuration. Checks the flags first."""
    if not values.run:
        raise UserError("no run is named: write experiments.compare [NAME=]DIR [NAME=]DIR ...")
    if values.out is not None and not values.out.endswith(".png"):
        raise UserError(f"--out: {values.out!r} must end in .png")
    return config_lib.default()


def run(values: flags.FlagValues, config: ConfigDict, command: str) -> None:
    """Draws and prints."""
    command_line.refuse_overrides(values, config, config_lib.default())
    target = files.check_output("out", values.out) if values.out else None
    from experiments.studies import comparison

    comparison.compare(values.run, target, values.title, command, values.x)


def _with_flags(arguments: Sequence[str]) -> list[str]:
    """The arguments with `--run=` before each that is no flag."""
    return [each if each.startswith("-") else f"--run={each}" for each in arguments]


main = command_line.recorded_program(run, __doc__, define_flags, base_config, rewrite=_with_flags)


if __name__ == "__main__":
    sys.exit(main())
