"""Prints what is simulated and learned: joints, actuators, observations, randomisation, networks.

Describes the named policy, or else the device's preset. Configuration fields can be set as for
training.
"""

import sys

from absl import flags
from ml_collections import ConfigDict

from experiments import command_line
from experiments.runs import policy_flags


def base_config(values: flags.FlagValues) -> ConfigDict:
    """Loads the configuration of the named policy, or else the device's preset."""
    if values.pretrained or values.workdir is not None or values["pretrained_name"].present:
        return policy_flags.saved_config(values)
    return command_line.device_preset(values)


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Prints the tables."""
    del values
    from experiments.training import description

    print(description.describe(config))


main = command_line.program(run, __doc__, policy_flags.define, base_config)


if __name__ == "__main__":
    sys.exit(main())
