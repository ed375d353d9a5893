"""Measures control steps per second, and the same engine's bare stepping in the same run.

Bare stepping repeats recorded states and controls with nothing of this project around the engine.
Both are measured in turns, after a warm-up, and reported as medians over the turns. With --sweep,
several engines and numbers of environments, each in a process of its own.
"""

import sys
import time

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax.errors import UserError
from experiments import command_line
from experiments.base import files

_STARTED = time.monotonic()


def define_flags(values: flags.FlagValues) -> None:
    """This program's own flags."""
    command_line.define_engine_flag(values)
    flags.DEFINE_integer(
        "num_envs", None, "environments; short for --config.num_envs", flag_values=values
    )
    flags.DEFINE_enum(
        "mode",
        "train",
        ["physics", "env", "rollout", "train"],
        "what is measured: the engine's interface, the task with random actions, "
        "the policy's roll-out, or whole iterations of training",
        flag_values=values,
    )
    flags.DEFINE_float(
        "seconds", 2.0, "the least that a window lasts, s", lower_bound=0.01, flag_values=values
    )
    flags.DEFINE_string("json", None, "a file to write the result to", flag_values=values)
    _define_sweep_flags(values)


def _define_sweep_flags(values: flags.FlagValues) -> None:
    """Defines the flags of a sweep."""
    flags.DEFINE_boolean(
        "sweep", False, "measure --engines x --envs instead of one pair", flag_values=values
    )
    flags.DEFINE_list("engines", ["auto"], "with --sweep: the engines", flag_values=values)
    flags.DEFINE_list(
        "envs",
        ["256", "512", "1024", "2048", "4096"],
        "with --sweep: the numbers of environments",
        flag_values=values,
    )
    flags.DEFINE_string(
        "plot", None, "with --sweep: a PNG of rates against environments", flag_values=values
    )


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Measures and prints."""
    target = files.check_output("json", values.json) if values.json else None
    if values.sweep:
        from experiments.benchmarks import sweep

        result = sweep.run(values, config)
    else:
        for flag in ("engines", "envs", "plot"):
            if values[flag].present:
                raise UserError(f"--{flag} goes with --sweep; add it")
        from experiments.benchmarks import throughput

        result = throughput.measure(values.mode, values.seconds, config, started=_STARTED)
    if target is not None:
        files.write_json(target, result)


main = command_line.program(run, __doc__, define_flags, command_line.device_preset)


if __name__ == "__main__":
    sys.exit(main())
