"""Measures pictures per second of three cameras, by the ray tracer and by MuJoCo's OpenGL.

OpenGL draws with the quality that MuJoCo gives it, and as coarsely as evaluations do. All terms of
the appearance are on. All draw the same frames in turns, after a warm-up; rates are medians over
the turns.
"""

import sys

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax.vision import config as schema
from experiments import command_line
from experiments.base import files
from experiments.vision import preset


def define_flags(values: flags.FlagValues) -> None:
    """This program's own flags."""
    flags.DEFINE_float(
        "seconds", 5.0, "the least that a turn lasts, s", lower_bound=0.01, flag_values=values
    )
    flags.DEFINE_string("json", None, "a file to write the result to", flag_values=values)


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Measures and prints."""
    target = files.check_output("json", values.json) if values.json else None
    from experiments.benchmarks import views

    result = views.measure(config, values.seconds)
    if target is not None:
        files.write_json(target, result)


main = command_line.program(run, __doc__, define_flags, preset.file_or_default, schema)


if __name__ == "__main__":
    sys.exit(main())
