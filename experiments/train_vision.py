"""Trains the network that estimates the object's pose from three cameras.

Without arguments it selects the preset for the device. The same command resumes a stopped run, and
repeats the evaluation of a finished one.
"""

import sys
import time

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax.vision import config as schema
from experiments import command_line
from experiments.vision import preset

_STARTED = time.monotonic()


def run(values: flags.FlagValues, config: ConfigDict, command: str) -> None:
    """Trains, evaluates the network and draws the learning curve, even if training was stopped."""
    from experiments.vision import directory, session

    name = command_line.config_name(values) if values.config else "vision"
    workdir = directory.work_directory(values.workdir or f"runs/{name}")
    session.run(workdir, config, command, started=_STARTED)


main = command_line.recorded_program(
    run, __doc__, command_line.define_training_flags, preset.device_preset, schema
)


if __name__ == "__main__":
    sys.exit(main())
