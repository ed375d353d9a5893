"""Makes a policy bundle of a trained run or of a policy of the package; runs where one trains.

With a pose network the policy needs no motion tracker but three cameras.
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
    """Makes the bundle and says how far it is off."""
    devices.pin_defaults()
    if flags.pretrained_name and not flags.pretrained:
        raise UserError("--pretrained_name goes with --pretrained; add it")
    policy = flags.workdir or f"pretrained:{flags.pretrained_name or pretrained.NAMES[0]}"
    try:
        wanted = flags.vision or flags.vision_workdir
        pose = vision.load(flags.vision_workdir) if wanted else None
        off = bundle.export(policy, Path(flags.out), pose)
    except errors.UserError as error:  # the training's, which a robot host does not know
        raise UserError(str(error)) from None
    print(f"{flags.out}: a policy of {off['steps']:g} golden steps")
    print(verification.report(off))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; see `cli.run`."""
    parser = cli.Parser("export", __doc__ or "")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--workdir", help="work directory of a trained run")
    source.add_argument(
        "--pretrained", action="store_true", help="a policy of the package in place of a run's"
    )
    parser.add_argument(
        "--pretrained_name",
        choices=pretrained.NAMES,
        help="with --pretrained: the one trained under all randomisations, or under none",
    )
    sight = parser.add_mutually_exclusive_group()
    sight.add_argument("--vision_workdir", help="work directory of a trained pose network")
    sight.add_argument(
        "--vision", action="store_true", help="the package's pose network in place of a run's"
    )
    parser.add_argument("--out", required=True, help="the folder to make")
    return cli.run(run, parser, argv)


if __name__ == "__main__":
    sys.exit(main())
