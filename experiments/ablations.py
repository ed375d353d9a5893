"""What each family of randomisations is good for: policies that learned without it.

After Table 4 of OpenAI (2018), with the surrogate world in the robot's place.
"""

import sys
from collections.abc import Sequence

from experiments import study, suite

_LABELS = {"all": "trained with all randomisations"} | {
    name: suite.ROWS[name] for name in ("no_sensing", "no_physics", "no_unmodelled", "none")
}
STUDY = study.Study(
    name="ablations",
    title="Which randomisation matters",
    variants={
        name: study.Variant(label, {"randomization": name}) for name, label in _LABELS.items()
    },
    tests={
        world: study.Test(f"world: {world}", changes) for world, changes in suite.WORLDS.items()
    },
    pairs=[("all", name) for name in _LABELS if name != "all"],
    steps=600_000,
    seeds=1,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; see `study.main`."""
    return study.main(STUDY, summary=__doc__ or "", argv=argv)


if __name__ == "__main__":
    sys.exit(main())
