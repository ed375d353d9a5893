"""Checks who made a bundle, by a signature of its checksums (`ssh-keygen -Y sign -n dactyl`)."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hardware.base.errors import UserError
from hardware.bundle.store import CHECKSUMS

NAMESPACE = "dactyl"


def check(folder: str, signature: str, allowed: str) -> str:
    """Returns the name of the allowed signer who signed a bundle.

    The signature covers the checksums; `store.load` compares the files with them.

    Args:
        folder: the bundle's folder.
        signature: path of the signature of its checksums.
        allowed: path of a file with names and public keys; see ALLOWED SIGNERS in ssh-keygen's
            manual.

    Raises:
        UserError: no allowed signer signed the bundle, or ssh-keygen is missing.
    """
    for path in (signature, allowed):
        if not Path(path).is_file():
            raise UserError(
                f"{path!r} is not a file; name a signature and a file of allowed signers"
            )
    names = _keygen("find-principals", "-s", signature, "-f", allowed).splitlines()
    checksums = (Path(folder) / CHECKSUMS).read_bytes()
    for name in names:
        flags = ("-f", allowed, "-I", name, "-n", NAMESPACE, "-s", signature)
        if _keygen("verify", *flags, text=checksums):
            return name
    raise UserError(
        f"nobody in {allowed!r} signed {folder!r} with {signature!r}; do not run the bundle"
    )


def _keygen(action: str, *flags: str, text: bytes = b"") -> str:
    """The output of ssh-keygen; empty if it refuses."""
    command = ("ssh-keygen", "-Y", action, *flags)
    try:
        done = subprocess.run(command, input=text, capture_output=True, timeout=10)
    except FileNotFoundError:
        raise UserError("ssh-keygen is missing; install OpenSSH 8.1 or later") from None
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
