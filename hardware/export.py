"""Exports a policy bundle from a trained run or from a packaged policy, on the training machine.

With a pose network the policy needs three cameras instead of a motion tracker.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dactyl_jax import devices, errors, pretrained
from experiments.export import bundle, vision
from hardware.base import cli
from hardware.base.errors import UserError
from hardware.trials import verification


def run(flags: argparse.Namespace) -> None:
    """Exports the bundle and reports how far its results are from the training code's."""
    devices.pin_defaults()
    if flags.pretrained_name and not flags.pretrained:
        raise UserError("--pretrained_name goes with --pretrained; add it")
    policy = flags.workdir or f"pretrained:{flags.pretrained_name or pretrained.NAMES[0]}"
    try:
        wanted = flags.vision or flags.vision_workdir
        pose = vision.load(flags.vision_workdir) if wanted else None
        off = bundle.export(policy, Path(flags.out), pose)
    except errors.UserError as error:  # the training code's class, not this package's
        raise UserError(str(error)) from None
    print(f"{flags.out}: bundle with {off['steps']:g} golden steps")
    print(verification.report(off))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; see `cli.run`."""
    parser = cli.Parser("export", __doc__ or "")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--workdir", help="work directory of a trained run")
    source.add_argument(
        "--pretrained", action="store_true", help="export a packaged policy instead of a run's"
    )
    parser.add_argument(
        "--pretrained_name",
        choices=pretrained.NAMES,
        help="with --pretrained: the policy trained with all randomisations, or with none",
    )
    sight = parser.add_mutually_exclusive_group()
    sight.add_argument("--vision_workdir", help="work directory of a trained pose network")
    sight.add_argument(
        "--vision", action="store_true", help="add the packaged pose network instead of a run's"
    )
    parser.add_argument("--out", required=True, help="folder to create")
    return cli.run(run, parser, argv)


if __name__ == "__main__":
    sys.exit(main())
