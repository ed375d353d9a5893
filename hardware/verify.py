"""Checks a policy bundle on the machine that is to run it, against the training code's episodes.

Every file is whole and holds what a bundle does; observations, assembled here from the recorded
readings, logits, actions, their averages and targets are those of training, and so is what the pose
network, if there is one, sees in pictures. That runs in a process of its own, with limits of memory
and time, since a file may come from anywhere.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from hardware.base import cli
from hardware.base.errors import UserError, describe
from hardware.bundle import signature, store
from hardware.trials import verification


def run(flags: argparse.Namespace) -> None:
    """Checks a bundle, here or in a process of its own."""
    if (flags.signature is None) != (flags.allowed_signers is None):
        raise UserError("--signature and --allowed_signers go together; give both")
    contents = store.load(flags.bundle)
    if not flags.here:
        print(f"{flags.bundle}: all files are whole", flush=True)
        if flags.signature is not None:
            signer = signature.check(flags.bundle, flags.signature, flags.allowed_signers)
            print(f"signed by {signer}", flush=True)
        print(verification.in_its_own_process(flags.bundle, simulated=flags.simulated), end="")
        return
    try:
        print(verification.report(verification.verify(contents)))
        if flags.simulated:
            with cli.needs_mujoco("the simulated hand"):
                from hardware.simulation.hand import SimulatedHand
            for world in ("training", "surrogate"):
                simulated = SimulatedHand(contents, world)
                for _ in range(10):
                    simulated.tick()
    except UserError:
        raise
    except Exception as error:  # of whichever library
        raise UserError(
            f"{flags.bundle!r} cannot be used ({describe(error):.200}); export it anew"
        ) from None


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; see `cli.run`."""
    parser = cli.Parser("verify", __doc__ or "")
    parser.add_argument("bundle", help="a folder that hardware.export wrote")
    parser.add_argument(
        "--simulated",
        action="store_true",
        help="builds the simulated hand too, where MuJoCo is",
    )
    parser.add_argument("--signature", help="a file of ssh-keygen -Y sign, of the checksums")
    parser.add_argument("--allowed_signers", help="with --signature: names and their public keys")
    parser.add_argument(
        "--here", action="store_true", help="in this process, without limits of memory and time"
    )
    return cli.run(run, parser, argv)


if __name__ == "__main__":
    sys.exit(main())
