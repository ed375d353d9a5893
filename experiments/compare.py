"""Draws the learning curves of several runs in one picture, and prints how far each came.

Runs whose names end in #2, #3, ... are further seeds of the run named before it: one colour.
"""

import sys
from collections.abc import Sequence

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from experiments import cli, files
from experiments.cli import UserError
from experiments.workdir import WorkDirectory

_NAME = r"[\w. +-]*[\w.+-](#\d+)?"


def define_flags(values: flags.FlagValues) -> None:
    """This program's own flags."""
    flags.DEFINE_string(
        "runs", None, "NAME=DIR,NAME=DIR,...: work directories (required)", flag_values=values
    )
    flags.DEFINE_string("out", None, "the PNG file to write (required)", flag_values=values)
    flags.DEFINE_string("title", "Learning curves", "of the picture", flag_values=values)
    flags.DEFINE_enum(
        "x",
        "wall",
        ["wall", "steps"],
        "along minutes on the clock, or control steps",
        flag_values=values,
    )


def base_config(values: flags.FlagValues) -> ConfigDict:
    """The defaults, which stay: each run has its own configuration. Checks the flags first."""
    if values.runs is None:
        raise UserError("--runs is missing: name the runs, --runs=NAME=DIR,NAME=DIR")
    if values.out is None:
        raise UserError("--out is missing: name the picture to write, --out=FILE.png")
    if not values.out.endswith(".png"):
        raise UserError(f"--out: {values.out!r} must end in .png")
    return config_lib.default()


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Draws and prints."""
    cli.refuse_overrides(values, config, config_lib.default())
    target = files.check_output("out", values.out)
    from dactyl_jax import evaluation

    runs = []
    for name, folder in cli.named_runs("runs", values.runs, name=_NAME).items():
        workdir = WorkDirectory(folder)
        try:
            control_dt = workdir.load_config().env.control_dt
        except ValueError as error:
            message = str(error).removeprefix("--workdir: ")
            raise UserError(f"--runs: {name}: {message}") from None
        rows = workdir.read_metrics()
        if not rows:
            raise UserError(f"--runs: {name}: {folder!r} has no iteration yet; leave it out")
        runs.append(evaluation.RunCurve(name, control_dt, rows))
    if values.x == "steps" and len({each.control_dt for each in runs}) > 1:
        raise UserError("--x=steps: the runs differ in config.env.control_dt; take --x=wall")
    evaluation.draw_runs(runs, target, title=values.title, x=values.x)
    print(evaluation.runs_markdown(runs))
    print(f"\nPicture: {target}")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; see `cli.run`."""
    return cli.run(
        run,
        summary=__doc__ or "",
        define_flags=define_flags,
        base_config=base_config,
        argv=argv,
    )


if __name__ == "__main__":
    sys.exit(main())
