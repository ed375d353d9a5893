"""Ablates the randomisation families: trains policies without each one and compares them.

After Table 4 of OpenAI (2018). The surrogate world replaces the physical robot.
"""

import sys

from absl import flags
from ml_collections import ConfigDict

from experiments.evaluation import paper
from experiments.studies import commands
from experiments.studies.design import Study, Test, Variant

_LABELS = {"all": "trained with all randomisations"} | {
    name: paper.ROWS[name] for name in ("no_sensing", "no_physics", "no_unmodelled", "none")
}
STUDY = Study(
    name="ablations",
    title="Which randomisation matters",
    variants={name: Variant(label, {"randomization": name}) for name, label in _LABELS.items()},
    tests={world: Test(f"world: {world}", changes) for world, changes in paper.WORLDS.items()},
    pairs=[("all", name) for name in _LABELS if name != "all"],
    steps=600_000,
    seeds=1,
)


def run(values: flags.FlagValues, config: ConfigDict, command: str) -> None:
    """Trains the variants, evaluates them and writes the study."""
    from experiments.studies import runner

    runner.run(STUDY, values, config, command)


main = commands.program(STUDY, run, __doc__)


if __name__ == "__main__":
    sys.exit(main())
