"""The pose network that a command line names: its flags."""

from absl import flags


def define(values: flags.FlagValues) -> None:
    """Defines `--workdir` or `--pretrained` of a network that is there already."""
    flags.DEFINE_string(
        "workdir",
        None,
        "work directory of experiments.train_vision; or give --pretrained",
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "pretrained", False, "the package's network in place of a run's", flag_values=values
    )
