"""Tests whether memory matters: policies with and without it, with and without randomisation.

After Table 5 and Section 6.4 of OpenAI (2018), with its three variants. A linear probe then reads
what the memory encodes about the hand.
"""

import functools
import sys

from absl import flags
from ml_collections import ConfigDict

from experiments.studies import commands
from experiments.studies.design import Study, Test, Variant

_NETWORKS = {
    "lstm": ("LSTM policy and value", True, True),
    "lstm_value": ("memoryless policy, LSTM value", False, True),
    "memoryless": ("memoryless policy and value", False, False),
}
_WORLDS = ("all", "none")
STUDY = Study(
    name="memory",
    title="Memory",
    variants={
        f"{network}-{world}": Variant(
            f"{label}, randomisation: {world}",
            {
                "network.memory": policy,
                "network.value_memory": value,
                "randomization": world,
            },
        )
        for world in _WORLDS
        for network, (label, policy, value) in _NETWORKS.items()
    },
    tests={"own": Test("as in training")},
    pairs=[
        (f"lstm-{world}", f"{other}-{world}")
        for world in _WORLDS
        for other in ("lstm_value", "memoryless")
    ],
    steps=400_000,
    seeds=3,
)
_PROBED = "lstm-all"


def run(values: flags.FlagValues, config: ConfigDict, command: str) -> None:
    """Trains the variants, evaluates and probes them, and writes the study."""
    from experiments.studies import probe, runner

    finish = functools.partial(probe.probe, variant=_PROBED)
    runner.run(STUDY, values, config, command, finish)


main = commands.program(STUDY, run, __doc__)


if __name__ == "__main__":
    sys.exit(main())
