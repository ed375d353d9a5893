"""Trains other hands and objects: a locked wrist, an octagonal prism, a sphere.

After Table 3 of OpenAI (2018). Each variant is trained twice: from scratch, and from the block's
policy, the package's `unrandomised`. Runs from the block's policy include its experience.
"""

import math
import sys
from typing import Any

from absl import flags
from ml_collections import ConfigDict

from experiments.studies import commands
from experiments.studies.design import Study, Test, Variant

_TASKS: dict[str, tuple[str, dict[str, Any]]] = {
    "locked_wrist": ("locked wrist", {"env.locked_wrist": True}),
    "prism": ("octagonal prism", {"env.object": "prism"}),
    "block": ("block", {}),
    "sphere": ("sphere", {"env.object": "sphere"}),
}
_FROM = {  # only the policy: curriculum and value function are learned on the variant's task
    "init_from": "pretrained:unrandomised",
    "init_from_policy_only": True,
    "curriculum.initial_distance": math.pi,
    "randomization": "none",
}
_SCRATCH = {"randomization": "none"}
STUDY = Study(
    name="variants",
    title="Other hands and objects",
    variants={
        f"{name}{ending}": Variant(f"{label}, {start}", changes | how)
        for name, (label, changes) in _TASKS.items()
        for ending, start, how in (
            ("", "from scratch", _SCRATCH),
            ("-tuned", "from the block's policy", _FROM),
        )
    },
    tests={
        "near": Test("near goals"),
        "uniform": Test("uniform goals", goals="uniform", goal_timeout_s=80.0),
    },
    pairs=[(f"{name}-tuned", name) for name in ("locked_wrist", "prism")]
    + [(f"{name}-tuned", "block-tuned") for name in ("locked_wrist", "prism")],
    steps=300_000,
    seeds=1,
)


def run(values: flags.FlagValues, config: ConfigDict, command: str) -> None:
    """Trains the variants, evaluates them and writes the study."""
    from experiments.studies import runner

    runner.run(STUDY, values, config, command)


main = commands.program(STUDY, run, __doc__)


if __name__ == "__main__":
    sys.exit(main())
