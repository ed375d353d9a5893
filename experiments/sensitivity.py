"""Measures what each randomisation costs: a policy's goals with all, without each, with each alone.

Conditions cover families and single terms, and no randomisation at all. The same hands play under
every condition; the program counts goals, drops and time-outs. By default it takes about 15 minutes
on two CPU cores.
"""

import sys
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax import randomization
from dactyl_jax.errors import UserError
from experiments import command_line
from experiments.base import files
from experiments.runs import policy_flags

_GOAL_TIMEOUT_S = 16.0  # the 80 s of `experiments.evaluate` exceed --seconds
_ENDLESS = 1_000_000  # goals per episode: only failures end an episode


def define_flags(values: flags.FlagValues) -> None:
    """Defines this program's flags."""
    policy_flags.define(values)
    command_line.define_engine_flag(values)
    command_line.define_goals_flag(values)
    command_line.define_goal_timeout_flag(
        values, f"{_GOAL_TIMEOUT_S:g}, short enough for several time-outs per hand within --seconds"
    )
    flags.DEFINE_list(
        "terms",
        None,
        "terms to measure, without families; default: all terms and all families",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "hands", 48, "number of hands simulated in parallel", lower_bound=2, flag_values=values
    )
    flags.DEFINE_float(
        "seconds",
        60.0,
        "simulated seconds per hand and condition",
        lower_bound=1.0,
        flag_values=values,
    )
    flags.DEFINE_string(
        "out",
        "runs/sensitivity",
        "folder for sensitivity.json, .md and .png",
        flag_values=values,
    )


def base_config(values: flags.FlagValues) -> ConfigDict:
    """Loads `policy_flags.saved_config` with all randomisation at its published strength."""
    config = policy_flags.saved_config(values)
    config.randomization, config.adr.enabled = "all", False
    config.env.goal_timeout_s = _GOAL_TIMEOUT_S
    config.env.max_goals = _ENDLESS
    config.env.bank_size = values.hands
    return config


def run(values: flags.FlagValues, config: ConfigDict, command: str) -> None:
    """Plays under every condition, draws and writes the results."""
    _check(values, config)
    target = files.check_output("out", str(Path(values.out) / "sensitivity.json"))
    from experiments.studies import sensitivity

    sensitivity.measure(
        config,
        policy_flags.run_name(values),
        target,
        command,
        terms=values.terms,
        goals=values.goals,
        hands=values.hands,
        seconds=values.seconds,
        seed=values.seed,
    )


def _check(values: flags.FlagValues, config: ConfigDict) -> None:
    """Refuses unknown terms, and worlds that define other terms."""
    names = [term.name for term in randomization.TERMS]
    if values.terms is not None and not values.terms:
        raise UserError(f"--terms is empty; name some of {', '.join(names)}, or leave it out")
    for name in values.terms or ():
        if name not in names:
            raise UserError(f"--terms: {name!r} is not a term; choose from {', '.join(names)}")
    if config.env.world != "training":
        raise UserError(
            f"config.env.world is {config.env.world!r}, which defines other terms; it must be "
            "'training'"
        )


main = command_line.recorded_program(run, __doc__, define_flags, base_config)


if __name__ == "__main__":
    sys.exit(main())
