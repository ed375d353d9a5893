"""What costs goals: a policy with every randomisation, without each, under each alone, and none.

Families and single terms; the same hands play under every condition, and count goals, drops and
time-outs. By default about a quarter of an hour on two CPU cores.
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

_GOAL_TIMEOUT_S = 16.0  # that of 80 s in `experiments.evaluate` would never end here
_ENDLESS = 1_000_000  # goals in a row: an episode ends by a failure or not at all


def define_flags(values: flags.FlagValues) -> None:
    """This program's own flags."""
    policy_flags.define(values)
    command_line.define_engine_flag(values)
    command_line.define_goals_flag(values)
    command_line.define_goal_timeout_flag(
        values, f"{_GOAL_TIMEOUT_S:g}, so that a hand can fail by it several times in --seconds"
    )
    flags.DEFINE_list(
        "terms",
        None,
        "names of the only terms to measure, and no families; by default all of both",
        flag_values=values,
    )
    flags.DEFINE_integer("hands", 48, "side by side", lower_bound=2, flag_values=values)
    flags.DEFINE_float(
        "seconds",
        60.0,
        "simulated seconds of each hand, under every condition",
        lower_bound=1.0,
        flag_values=values,
    )
    flags.DEFINE_string(
        "out",
        "runs/sensitivity",
        "the folder for sensitivity.json, .md and .png",
        flag_values=values,
    )


def base_config(values: flags.FlagValues) -> ConfigDict:
    """As `policy_flags.saved_config`, with all randomisation, each term as strong as published."""
    config = policy_flags.saved_config(values)
    config.randomization, config.adr.enabled = "all", False
    config.env.goal_timeout_s = _GOAL_TIMEOUT_S
    config.env.max_goals = _ENDLESS
    config.env.bank_size = values.hands
    return config


def run(values: flags.FlagValues, config: ConfigDict, command: str) -> None:
    """Plays under every condition, draws and writes."""
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
    """Refuses terms that are none, and a world that has terms of its own."""
    names = [term.name for term in randomization.TERMS]
    if values.terms is not None and not values.terms:
        raise UserError(f"--terms is empty; name some of {', '.join(names)}, or leave it out")
    for name in values.terms or ():
        if name not in names:
            raise UserError(f"--terms: {name!r} is no term; choose of {', '.join(names)}")
    if config.env.world != "training":
        raise UserError(
            f"config.env.world is {config.env.world!r}, which has terms of its own; it must be "
            "'training'"
        )


main = command_line.recorded_program(run, __doc__, define_flags, base_config)


if __name__ == "__main__":
    sys.exit(main())
