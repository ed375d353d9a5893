"""What more hands at a time are good for: goals against experience, and against the clock.

After Section 6.5 of OpenAI (2018). Every number of hands learns from the same number of control
steps, in as many fewer iterations as there are more hands. On an accelerator there are more of
both: its largest number of hands has 38 iterations, as a CPU's has 9.
"""

import sys
from collections.abc import Sequence

from absl import flags
from ml_collections import ConfigDict

from experiments.studies import commands
from experiments.studies.design import Study, Test, Variant


def hands_at_a_time(most: int, steps: int) -> Study:
    """The study, with five numbers of hands up to `most` and `steps` control steps a run."""
    first, *others = (most >> halvings for halvings in reversed(range(5)))
    return Study(
        name="scale",
        title="Hands at a time",
        variants={
            str(count): Variant(f"{count} hands", {"num_envs": count}) for count in (first, *others)
        },
        tests={"own": Test("near goals")},
        pairs=[(str(count), str(first)) for count in others],
        steps=steps,
        seeds=1,
        x=("steps", "wall"),
    )


STUDY = hands_at_a_time(4096, 600_000)
ON_ACCELERATORS = hands_at_a_time(32_768, 20_000_000)


def _of_the_device() -> Study:
    return STUDY if commands.backend() == "cpu" else ON_ACCELERATORS


def run(values: flags.FlagValues, config: ConfigDict, command: str) -> None:
    """Trains, measures and writes."""
    from experiments.studies import runner

    runner.run(_of_the_device(), values, config, command)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; see `commands.program`."""
    return commands.program(_of_the_device(), run, __doc__)(argv)


if __name__ == "__main__":
    sys.exit(main())
