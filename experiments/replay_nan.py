"""Shows in a browser how a simulation diverged, from a file that --dump_nan wrote.

Prints what moves fastest after each physics step, and serves a page with a slider over them. It is
stepped by the engine that diverged, or by --engine.
"""

import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax.errors import UserError
from experiments import cli


def define_flags(values: flags.FlagValues) -> None:
    """This program's own flags."""
    flags.DEFINE_string("file", None, "a file that --dump_nan wrote (required)", flag_values=values)
    cli.define_engine_flag(values)
    cli.define_port_flag(values)


def base_config(values: flags.FlagValues) -> ConfigDict:
    """That of the file."""
    from dactyl_jax import config as config_lib
    from dactyl_jax import physics

    if values.file is None:
        raise UserError("the file is missing: name one that --dump_nan wrote")
    divergence = physics.read_divergence(Path(values.file))
    config = config_lib.complete(ConfigDict(divergence.config), origin=repr(values.file))
    config.engine = divergence.engine
    return config


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Steps, prints and serves until it is interrupted."""
    from dactyl_jax import physics
    from dactyl_jax.envs import worlds
    from experiments import preparation

    viewer = preparation.import_viewer()
    server = viewer.serve(values.port)
    task, model = worlds.build(config)
    engine = physics.make_engine(task.engine, model)
    states = viewer.states(physics.read_divergence(Path(values.file)), engine)
    for number, state in enumerate(states):
        print(f"physics step {number}: {viewer.describe(state, model)}")
    viewer.Replay(server, viewer.Scene(server, task.env.object, task.env.tilt), states, model)
    print(f"{viewer.address(server)} (Ctrl-C ends it)", flush=True)
    threading.Event().wait()


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; see `cli.run`."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and not arguments[0].startswith("-"):
        arguments[0] = f"--file={arguments[0]}"
    return cli.run(
        run,
        summary=__doc__ or "",
        define_flags=define_flags,
        base_config=base_config,
        argv=arguments,
    )


if __name__ == "__main__":
    sys.exit(main())
