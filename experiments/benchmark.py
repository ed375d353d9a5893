"""Measures control steps per second, and compares them with bare stepping of the same engine.

Bare stepping replays recorded states and controls in the engine, without the rest of this project.
The two alternate after a warm-up; results are medians over the rounds. With --sweep, the program
measures several engines and numbers of environments, each pair in a separate process.
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
    """Defines this program's flags."""
    command_line.define_engine_flag(values)
    flags.DEFINE_integer(
        "num_envs", None, "number of environments; short for --config.num_envs", flag_values=values
    )
    flags.DEFINE_enum(
        "mode",
        "train",
        ["physics", "env", "rollout", "train"],
        "workload: recorded states through the engine's interface (physics), the task with random "
        "actions (env), policy roll-outs (rollout), or whole training iterations (train)",
        flag_values=values,
    )
    flags.DEFINE_float(
        "seconds",
        2.0,
        "minimum length of a measurement window, s",
        lower_bound=0.01,
        flag_values=values,
    )
    flags.DEFINE_string("json", None, "JSON file for the result", flag_values=values)
    _define_sweep_flags(values)


def _define_sweep_flags(values: flags.FlagValues) -> None:
    """Defines the flags of a sweep."""
    flags.DEFINE_boolean(
        "sweep", False, "measure every pair of --engines and --envs", flag_values=values
    )
    flags.DEFINE_list("engines", ["auto"], "with --sweep: engines to measure", flag_values=values)
    flags.DEFINE_list(
        "envs",
        ["256", "512", "1024", "2048", "4096"],
        "with --sweep: numbers of environments to measure",
        flag_values=values,
    )
    flags.DEFINE_string(
        "plot",
        None,
        "with --sweep: PNG file for a plot of rate against number of environments",
        flag_values=values,
    )


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Runs the benchmark and prints the result."""
    target = files.check_output("json", values.json, [".json"]) if values.json else None
    if values.sweep:
        from experiments.benchmarks import sweep

        result = sweep.run(values, config)
    else:
        for flag in ("engines", "envs", "plot"):
            if values[flag].present:
                raise UserError(f"--{flag} goes with --sweep; add --sweep")
        from experiments.benchmarks import throughput

        result = throughput.measure(values.mode, values.seconds, config, started=_STARTED)
    if target is not None:
        files.write_json(target, result)


main = command_line.program(run, __doc__, define_flags, command_line.device_preset)


if __name__ == "__main__":
    sys.exit(main())
