"""Verifies a policy bundle on the machine that will run it.

Checks that every file is intact and valid. Then compares this machine's results with episodes that
the training code recorded: observations, logits, actions, action averages and targets, and the pose
network's estimates if the bundle has one. The comparison runs in a separate process with limits on
memory and time, because a bundle may come from anywhere.
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
    """Verifies a bundle, in this process or in a separate one."""
    if (flags.signature is None) != (flags.allowed_signers is None):
        raise UserError("--signature and --allowed_signers go together; give both")
    contents = store.load(flags.bundle)
    if not flags.here:
        print(f"{flags.bundle}: all files are intact", flush=True)
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
    except Exception as error:  # from any library
        raise UserError(
            f"{flags.bundle!r} cannot be used ({describe(error):.200}); export it again"
        ) from None


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; see `cli.run`."""
    parser = cli.Parser("verify", __doc__ or "")
    parser.add_argument("bundle", help="a folder that hardware.export wrote")
    parser.add_argument(
        "--simulated",
        action="store_true",
        help="build the simulated hand too; needs MuJoCo",
    )
    parser.add_argument(
        "--signature", help="signature of the checksums, as ssh-keygen -Y sign writes it"
    )
    parser.add_argument(
        "--allowed_signers", help="with --signature: file of names and their public keys"
    )
    parser.add_argument(
        "--here",
        action="store_true",
        help="verify in this process, without limits on memory and time",
    )
    return cli.run(run, parser, argv)


if __name__ == "__main__":
    sys.exit(main())
