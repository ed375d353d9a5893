"""Checks a policy bundle on the machine that is to run it, against the training code's episodes.

Every file is whole; observations, assembled here from the recorded readings, logits, actions,
their averages and targets are those of training, and so is what the pose network, if there is one,
sees in pictures.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from hardware.base import cli
from hardware.bundle import store
from hardware.trials import verification


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; see `cli.run`."""
    parser = cli.Parser("verify", __doc__ or "")
    parser.add_argument("bundle", help="a folder that hardware.export wrote")

    def verify_folder(flags):
        contents = store.load(flags.bundle)
        print(f"{flags.bundle}: all files are whole", flush=True)
        print(verification.report(verification.verify(contents)))

    return cli.run(verify_folder, parser, argv)


if __name__ == "__main__":
    sys.exit(main())
