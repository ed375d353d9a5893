"""The policy that a command line names: its flags, its name, its configuration."""

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax import pretrained
from dactyl_jax.errors import UserError
from experiments import command_line
from experiments.runs import policies
from experiments.runs.trials import for_trials


def define(values: flags.FlagValues) -> None:
    """Defines `--workdir` or `--pretrained` of a policy that is there already, and `--seed`."""
    flags.DEFINE_string(
        "workdir", None, "work directory of a trained run; or give --pretrained", flag_values=values
    )
    flags.DEFINE_boolean(
        "pretrained", False, "a policy of the package in place of a run's", flag_values=values
    )
    flags.DEFINE_enum(
        "pretrained_name",
        pretrained.NAMES[0],
        list(pretrained.NAMES),
        "with --pretrained: the one trained under all randomisations, or under none",
        flag_values=values,
    )
    command_line.define_trial_seed_flag(values)


def run_name(values: flags.FlagValues) -> str:
    """The policy that `--workdir` or `--pretrained` names, as `policies.load_policy` takes it.

    Raises:
        UserError: neither of them, both, or `--pretrained_name` alone.
    """
    if values["pretrained_name"].present and not values.pretrained:
        raise UserError("--pretrained_name goes with --pretrained; add it")
    if values.pretrained and values.workdir is not None:
        raise UserError("--workdir and --pretrained each name a policy; leave one of them out")
    if values.pretrained:
        return f"pretrained:{values.pretrained_name}"
    if values.workdir is None:
        raise UserError(
            "--workdir is missing: name the work directory of a trained run, or give --pretrained"
        )
    return values.workdir


def saved_config(values: flags.FlagValues) -> ConfigDict:
    """That of `--config=FILE`, or the one that the policy was trained with, for trials here.

    Raises:
        ValueError: no policy is named, or there is none that has a configuration.
    """
    config = policies.load_config(run_name(values))
    if values.config:
        config = command_line.load_config_file(values.config)
    return for_trials(config, values.seed)
