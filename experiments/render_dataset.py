"""Renders training frames once, into the shards of a dataset; the same command resumes it.

`experiments.train_vision --config.dataset=DIR` trains on these frames, which are identical to those
that it would render.
"""

import sys
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax.errors import UserError
from dactyl_jax.vision import config as schema
from experiments import command_line
from experiments.base import files
from experiments.vision import preset


def define_flags(values: flags.FlagValues) -> None:
    """Defines this program's flags."""
    flags.DEFINE_string("out", None, "folder of the dataset (required)", flag_values=values)
    flags.DEFINE_integer(
        "shards",
        16,
        "number of shards, of config.training.frames frames each",
        lower_bound=1,
        upper_bound=99_999,
        flag_values=values,
    )


def base_config(values: flags.FlagValues) -> ConfigDict:
    """Loads the same configuration as `experiments.train_vision`."""
    if values.out is None:
        raise UserError("--out is missing: name the folder of the dataset, --out=DIR")
    return preset.device_preset(values)


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Renders the missing shards."""
    folder = Path(values.out)
    files.check_output("out", str(folder / "index.json"))
    from experiments.vision import shards

    shards.render(config, folder, values.shards)


main = command_line.program(run, __doc__, define_flags, base_config, schema)


if __name__ == "__main__":
    sys.exit(main())
