"""Packages a trained run's policy with its evaluation.

Replaces the files in dactyl_jax/pretrained/NAME.
"""

import shlex
import sys

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax import pretrained
from dactyl_jax.errors import UserError
from experiments import command_line
from experiments.runs.trials import for_trials
from experiments.runs.workdir import WorkDirectory

GOAL_TIMEOUT_S = 80.0  # s, as in the paper


def define_flags(values: flags.FlagValues) -> None:
    """Defines this program's flags."""
    flags.DEFINE_string(
        "workdir", None, "work directory of a trained run (required)", flag_values=values
    )
    flags.DEFINE_enum(
        "name",
        None,
        list(pretrained.NAMES),
        "name of the policy in the package (required)",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "trials", 100, "number of trials per evaluation", lower_bound=2, flag_values=values
    )
    command_line.define_trial_seed_flag(values)
    command_line.define_engine_flag(values)


def base_config(values: flags.FlagValues) -> ConfigDict:
    """Loads the run's configuration for trials on this device, with an 80 s time limit per goal."""
    if values.workdir is None:
        raise UserError("--workdir is missing: name the work directory of a trained run")
    if values.name is None:
        raise UserError("--name is missing: name the policy in the package, such as --name=policy")
    config = for_trials(WorkDirectory(values.workdir).load_config(), values.seed)
    config.env.goal_timeout_s = GOAL_TIMEOUT_S
    return config


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Evaluates the policy and writes it to the package."""
    command_line.refuse_overrides(values, config, base_config(values), but=("engine",))
    from experiments.evaluation import publication

    command = ["python", "-m", "experiments.publish"]
    command += [f"--{flag}={values[flag].value}" for flag in ("workdir", "name", "trials", "seed")]
    publication.publish(
        WorkDirectory(values.workdir),
        values.name,
        config,
        trials=values.trials,
        seed=values.seed,
        command=shlex.join(command),
    )


main = command_line.program(run, __doc__, define_flags, base_config)


if __name__ == "__main__":
    sys.exit(main())
