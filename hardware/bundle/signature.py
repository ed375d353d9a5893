"""Who made a bundle: a signature of its checksums, as `ssh-keygen -Y sign -n dactyl` makes it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hardware.base.errors import UserError
from hardware.bundle.store import CHECKSUMS

NAMESPACE = "dactyl"


def check(folder: str, signature: str, allowed: str) -> str:
    """Who signed a bundle; `store.load` says whether its files are those that were signed.

    Args:
        folder: the bundle's.
        signature: the file that was made of its checksums.
        allowed: a file of names and public keys, see ssh-keygen's manual, ALLOWED SIGNERS.

    Raises:
        UserError: nobody whom it names did, or there is no ssh-keygen.
    """
    for path in (signature, allowed):
        if not Path(path).is_file():
            raise UserError(f"{path!r} is no file; name a signature and a file of allowed signers")
    names = _keygen("find-principals", "-s", signature, "-f", allowed).splitlines()
    checksums = (Path(folder) / CHECKSUMS).read_bytes()
    for name in names:
        flags = ("-f", allowed, "-I", name, "-n", NAMESPACE, "-s", signature)
        if _keygen("verify", *flags, text=checksums):
            return name
    raise UserError(f"nobody in {allowed!r} signed {folder!r} as {signature!r} says; do not run it")


def _keygen(action: str, *flags: str, text: bytes = b"") -> str:
    """What ssh-keygen prints; nothing where it refuses."""
    command = ("ssh-keygen", "-Y", action, *flags)
    try:
        done = subprocess.run(command, input=text, capture_output=True, timeout=10)
    except FileNotFoundError:
        raise UserError("there is no ssh-keygen here; install OpenSSH 8.1 or later") from None
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
