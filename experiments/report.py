"""Rebuilds the tables of docs/results.md, and studies' pictures, from the records in docs/results.

`--add=DIR,DIR` first takes over the records and pictures of studies' work directories, of the
folder of experiments.grasps or experiments.sensitivity, or of one with the --json files of
experiments.evaluate that differ in what tells the object's pose. Between the lines
`<!-- NAME -->` and `<!-- /NAME -->` the page holds what the record NAME.json says, and nothing else
is touched.
"""

import sys
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from experiments import command_line

_DOCS = Path(__file__).parents[1] / "docs"


def define_flags(values: flags.FlagValues) -> None:
    """This program's own flags."""
    flags.DEFINE_list(
        "add", [], "folders whose records and pictures are taken over", flag_values=values
    )
    flags.DEFINE_string("docs", str(_DOCS), "the folder of results.md", flag_values=values)


def base_config(values: flags.FlagValues) -> ConfigDict:
    """The defaults, which stay."""
    del values
    return config_lib.default()


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Takes over, draws and writes."""
    command_line.refuse_overrides(values, config, config_lib.default())
    from experiments.studies import page

    page.rebuild(Path(values.docs), values.add)


main = command_line.program(run, __doc__, define_flags, base_config)


if __name__ == "__main__":
    sys.exit(main())
