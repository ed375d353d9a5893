"""Rebuilds the tables of docs/results.md and the studies' figures from the records in docs/results.

`--add=DIR,DIR` first copies records and figures from folders into docs. A folder may be a study's
work directory, the output of experiments.grasps or experiments.sensitivity, or a folder of --json
files of experiments.evaluate that differ only in the source of the object's pose. The program
replaces only the text between the lines `<!-- NAME -->` and `<!-- /NAME -->`, with the content of
the record NAME.json.
"""

import sys
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from experiments import command_line

_DOCS = Path(__file__).parents[1] / "docs"


def define_flags(values: flags.FlagValues) -> None:
    """Defines this program's flags."""
    flags.DEFINE_list(
        "add", [], "folders from which to copy records and figures", flag_values=values
    )
    flags.DEFINE_string("docs", str(_DOCS), "folder that holds results.md", flag_values=values)


def base_config(values: flags.FlagValues) -> ConfigDict:
    """Returns the defaults, which are unused."""
    del values
    return config_lib.default()


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Copies records, draws figures and writes the page."""
    command_line.refuse_overrides(values, config, config_lib.default())
    from experiments.studies import page

    page.rebuild(Path(values.docs), values.add)


main = command_line.program(run, __doc__, define_flags, base_config)


if __name__ == "__main__":
    sys.exit(main())
