"""Measures images per second of the ray tracer and of MuJoCo's OpenGL renderer, for three cameras.

OpenGL runs twice: with MuJoCo's default quality, and with the coarse quality that evaluations use.
All appearance terms are on. The renderers draw the same frames in turn after a warm-up; rates are
medians over the turns.
"""

import sys

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax.vision import config as schema
from experiments import command_line
from experiments.base import files
from experiments.vision import preset


def define_flags(values: flags.FlagValues) -> None:
    """Defines this program's flags."""
    flags.DEFINE_float(
        "seconds", 5.0, "minimum length of a turn, s", lower_bound=0.01, flag_values=values
    )
    flags.DEFINE_string("json", None, "JSON file for the result", flag_values=values)


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Runs the benchmark and prints the result."""
    target = files.check_output("json", values.json, [".json"]) if values.json else None
    from experiments.benchmarks import views

    result = views.measure(config, values.seconds)
    if target is not None:
        files.write_json(target, result)


main = command_line.program(run, __doc__, define_flags, preset.file_or_default, schema)


if __name__ == "__main__":
    sys.exit(main())
