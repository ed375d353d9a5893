"""Flags that name a policy, and the policy's name and configuration."""

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax import pretrained
from dactyl_jax.errors import UserError
from experiments import command_line
from experiments.runs import policies
from experiments.runs.trials import for_trials


def define(values: flags.FlagValues) -> None:
    """Defines `--workdir` and `--pretrained`, which name a trained policy, and `--seed`."""
    flags.DEFINE_string(
        "workdir", None, "work directory of a trained run; or give --pretrained", flag_values=values
    )
    flags.DEFINE_boolean(
        "pretrained", False, "use a policy of the package instead of --workdir", flag_values=values
    )
    flags.DEFINE_enum(
        "pretrained_name",
        pretrained.NAMES[0],
        list(pretrained.NAMES),
        "with --pretrained: the policy trained with all randomisation, or without any",
        flag_values=values,
    )
    command_line.define_trial_seed_flag(values)


def run_name(values: flags.FlagValues) -> str:
    """Returns the policy that `--workdir` or `--pretrained` names, for `policies.load_policy`.

    Raises:
        UserError: neither or both are given, or `--pretrained_name` is given alone.
    """
    if values["pretrained_name"].present and not values.pretrained:
        raise UserError("--pretrained_name goes with --pretrained; add --pretrained")
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
    """Loads `--config=FILE`, or the policy's training configuration, for trials on this device.

    Raises:
        ValueError: no policy is named, or its configuration is missing.
    """
    config = policies.load_config(run_name(values))
    if values.config:
        config = command_line.load_config_file(values.config)
    return for_trials(config, values.seed)
