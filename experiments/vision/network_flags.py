"""Flags that name a pose network."""

from absl import flags


def define(values: flags.FlagValues) -> None:
    """Defines `--workdir` and `--pretrained`, which name a trained network."""
    flags.DEFINE_string(
        "workdir",
        None,
        "work directory of experiments.train_vision; or give --pretrained",
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "pretrained", False, "use the package's network instead of --workdir", flag_values=values
    )
