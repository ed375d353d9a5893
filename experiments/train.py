"""Trains a policy that turns the object in the hand to the orientation asked for.

Without arguments it picks the engine and the preset for the device. The same command again
continues a run that was stopped, and evaluates a finished one again.
"""

import sys
import time

from absl import flags
from ml_collections import ConfigDict

from experiments import command_line
from experiments.training import processes

_STARTED = time.monotonic()


def define_flags(values: flags.FlagValues) -> None:
    """This program's own flags."""
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
        "go on in a new run with the training of another's work directory, or of pretrained, or of "
        "pretrained:unrandomised",
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "init_from_policy_only",
        None,
        "take nothing but the policy from --init_from",
        flag_values=values,
    )


def base_config(values: flags.FlagValues) -> ConfigDict:
    """That of `--config=FILE`, or the device's preset; joins the other processes first."""
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
