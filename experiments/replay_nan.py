"""Replays a diverged simulation in a browser, from a file that --dump_nan wrote.

Prints the fastest-moving parts after each physics step, and serves a page with a slider over the
steps. Uses the engine that diverged, unless --engine names another.
"""

import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax.errors import UserError
from experiments import command_line


def define_flags(values: flags.FlagValues) -> None:
    """Defines this program's flags."""
    flags.DEFINE_string("file", None, "file that --dump_nan wrote (required)", flag_values=values)
    command_line.define_engine_flag(values)
    command_line.define_port_flag(values)


def base_config(values: flags.FlagValues) -> ConfigDict:
    """Loads the configuration stored in the file."""
    from dactyl_jax import config as config_lib
    from dactyl_jax import physics

    if values.file is None:
        raise UserError("the file is missing: name one that --dump_nan wrote")
    divergence = physics.read_divergence(Path(values.file))
    config = config_lib.complete(ConfigDict(divergence.config), origin=repr(values.file))
    config.engine = divergence.engine
    return config


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Steps the simulation, prints each step and serves the page until interrupted."""
    from dactyl_jax import physics
    from dactyl_jax.envs import worlds
    from experiments.base import extras

    viewer = extras.viewer()
    server = viewer.serve(values.port)
    task, model = worlds.build(config)
    engine = physics.make_engine(task.engine, model)
    states = viewer.states(physics.read_divergence(Path(values.file)), engine)
    for number, state in enumerate(states):
        print(f"physics step {number}: {viewer.describe(state, model)}")
    viewer.Replay(server, viewer.Scene(server, task.env.object, task.env.tilt), states, model)
    print(f"{viewer.address(server)} (press Ctrl-C to stop)", flush=True)
    threading.Event().wait()


def _with_flag(arguments: Sequence[str]) -> list[str]:
    """Adds `--file=` to the first argument if it is not a flag."""
    if arguments and not arguments[0].startswith("-"):
        return [f"--file={arguments[0]}", *arguments[1:]]
    return list(arguments)


main = command_line.program(run, __doc__, define_flags, base_config, rewrite=_with_flag)


if __name__ == "__main__":
    sys.exit(main())
