"""Studies the number of parallel hands: goals against experience, and against wall-clock time.

After Section 6.5 of OpenAI (2018). All runs take the same number of control steps, so more hands
mean fewer iterations. The accelerator study is larger: its largest number of hands trains for 38
iterations, the CPU's for 9.
"""

import sys
from collections.abc import Sequence

from absl import flags
from ml_collections import ConfigDict

from experiments.studies import commands
from experiments.studies.design import Study, Test, Variant


def hands_at_a_time(most: int, steps: int) -> Study:
    """Returns the study: five numbers of hands up to `most`, with `steps` control steps per run."""
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
    """Trains the variants, evaluates them and writes the study."""
    from experiments.studies import runner

    runner.run(_of_the_device(), values, config, command)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; see `commands.program`."""
    return commands.program(_of_the_device(), run, __doc__)(argv)


if __name__ == "__main__":
    sys.exit(main())
