"""Atomic file writes: each file is written to a temporary path, then moved into place."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dactyl_jax.errors import UserError


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file atomically: readers see the old or the new content, never a partial file.

    A link stays a link; the file that it names is replaced.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a text file atomically."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Writes strict JSON (no NaN) atomically."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def check_output(flag: str, path: str, endings: Sequence[str] = ()) -> Path:
    """Checks an output path before the work starts, and returns it.

    Args:
        flag: that gives the path, for messages.
        path: the path.
        endings: allowed endings, in lower case; empty allows any.

    Raises:
        UserError: the path is a folder or a device, its ending is not allowed, or its nearest
            existing parent is not a writable folder.
    """
    target = Path(path)
    if endings and target.suffix.lower() not in endings:
        raise UserError(f"--{flag}: {path!r} must end in {' or '.join(endings)}")
    if target.is_dir():
        raise UserError(f"--{flag}: {path!r} is a folder; give a file name")
    if target.exists() and not target.is_file():
        raise UserError(f"--{flag}: {path!r} is a device or a pipe; give a file name")
    parent = target.absolute().parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir():
        raise UserError(f"--{flag}: {str(parent)!r} is not a folder; choose another path")
    if not os.access(parent, os.W_OK):
        raise UserError(f"--{flag}: no permission to write to {str(parent)!r}; choose another path")
    return target
