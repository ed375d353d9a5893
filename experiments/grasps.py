"""Analyses manipulation: how often the hand uses each grasp and turning strategy, and how it fails.

After Section 6.1 of OpenAI (2018). Simulates hands in parallel without randomisation, classifies
grasps and strategies from contacts, and draws a film strip of each grasp.
"""

import sys
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict

from experiments import command_line
from experiments.base import files
from experiments.runs import policy_flags

_HANDS = 32


def define_flags(values: flags.FlagValues) -> None:
    """Defines this program's flags."""
    policy_flags.define(values)
    command_line.define_engine_flag(values)
    command_line.define_goals_flag(values)
    command_line.define_goal_timeout_flag(values, "80")
    flags.DEFINE_string(
        "out", "runs/grasps", "folder for grasps.json, .md and .png", flag_values=values
    )
    flags.DEFINE_float(
        "seconds", 60.0, "simulated seconds per hand", lower_bound=1.0, flag_values=values
    )
    flags.DEFINE_integer(
        "hands", _HANDS, "number of hands simulated in parallel", lower_bound=1, flag_values=values
    )
    flags.DEFINE_boolean("smoke", False, "smoke test: 4 hands for 4 s", flag_values=values)


def base_config(values: flags.FlagValues) -> ConfigDict:
    """Loads `policy_flags.saved_config` with an 80 s time limit and without randomisation.

    Long limits show failures instead of time-outs; randomisation would change the contacts.
    """
    config = policy_flags.saved_config(values)
    config.randomization, config.adr.enabled = "none", False
    config.env.goal_timeout_s = 80.0
    if values.smoke:
        values["hands"].value, values["seconds"].value = 4, 4.0
        config.env.bank_size = 4
    return config


def run(values: flags.FlagValues, config: ConfigDict, command: str) -> None:
    """Simulates, classifies, draws and writes the results."""
    target = files.check_output("out", str(Path(values.out) / "grasps.json"))
    from experiments.studies import grasps

    grasps.measure(
        config,
        policy_flags.run_name(values),
        target,
        command,
        goals=values.goals,
        hands=values.hands,
        seconds=values.seconds,
        seed=values.seed,
    )


main = command_line.recorded_program(run, __doc__, define_flags, base_config)


if __name__ == "__main__":
    sys.exit(main())
