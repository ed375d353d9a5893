"""Trains a policy that rotates an object in the hand to a goal orientation.

Without arguments it selects the engine and the preset for the device. The same command resumes a
stopped run, and repeats the evaluation of a finished one.
"""

import sys
import time

from absl import flags
from ml_collections import ConfigDict

from experiments import command_line
from experiments.training import processes

_STARTED = time.monotonic()


def define_flags(values: flags.FlagValues) -> None:
    """Defines this program's flags."""
    command_line.define_training_flags(values)
    command_line.define_engine_flag(values)
    flags.DEFINE_boolean(
        "report",
        True,
        "end with an evaluation, a learning curve and a video",
        flag_values=values,
    )
    processes.define_flag(values)
    command_line.define_dump_flag(values)
    flags.DEFINE_string(
        "init_from",
        None,
        "start the new run from the policy and training state of another: a work directory, "
        "pretrained, or pretrained:unrandomised",
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "init_from_policy_only",
        None,
        "load only the policy from --init_from",
        flag_values=values,
    )


def base_config(values: flags.FlagValues) -> ConfigDict:
    """Joins the other processes, then loads `--config=FILE` or the device's preset."""
    processes.join(values.distributed)
    return command_line.device_preset(values)


def run(values: flags.FlagValues, config: ConfigDict, command: str) -> None:
    """Trains, evaluates, draws the learning curve and records a video."""
    from experiments.evaluation import end_of_run
    from experiments.runs.workdir import WorkDirectory
    from experiments.training import session

    session.run(
        WorkDirectory(values.workdir or f"runs/{command_line.config_name(values)}"),
        config,
        command,
        started=_STARTED,
        dump_nan=values.dump_nan,
        finish=end_of_run.write if values.report else None,
    )


main = command_line.recorded_program(run, __doc__, define_flags, base_config)


if __name__ == "__main__":
    sys.exit(main())
