"""What more hands at a time are good for: goals against experience, and against the clock.

After Section 6.5 of OpenAI (2018). Every number of hands learns from the same number of control
steps, in as many fewer iterations as there are more hands.
"""

import sys
from collections.abc import Sequence

from experiments import study

_HANDS = (256, 512, 1024, 2048, 4096)
STUDY = study.Study(
    name="scale",
    title="Hands at a time",
    variants={str(count): study.Variant(f"{count} hands", {"num_envs": count}) for count in _HANDS},
    tests={"own": study.Test("near goals")},
    pairs=[(str(count), str(_HANDS[0])) for count in _HANDS[1:]],
    steps=600_000,
    seeds=1,
    x=("steps", "wall"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; see `study.main`."""
    return study.main(STUDY, summary=__doc__ or "", argv=argv)


if __name__ == "__main__":
    sys.exit(main())
