"""Packages a trained run's pose network with its errors on both renderers.

Replaces the files in dactyl_jax/pretrained/vision.
"""

import sys

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax.errors import UserError
from dactyl_jax.vision import config as schema
from experiments import command_line
from experiments.vision import directory


def define_flags(values: flags.FlagValues) -> None:
    """Defines this program's flags."""
    flags.DEFINE_string(
        "workdir", None, "work directory of a trained run (required)", flag_values=values
    )
    flags.DEFINE_integer(
        "frames", 500, "number of frames per evaluation", lower_bound=2, flag_values=values
    )


def base_config(values: flags.FlagValues) -> ConfigDict:
    """Loads the run's configuration."""
    if values.workdir is None:
        raise UserError("--workdir is missing: name the work directory of a trained run")
    return directory.work_directory(values.workdir).load_config()


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Evaluates the network and writes it to the package."""
    command_line.refuse_overrides(values, config, base_config(values))
    from experiments.vision import publication

    workdir = directory.work_directory(values.workdir)
    publication.publish(workdir, config, frames=values.frames)


main = command_line.program(run, __doc__, define_flags, base_config, schema)


if __name__ == "__main__":
    sys.exit(main())
