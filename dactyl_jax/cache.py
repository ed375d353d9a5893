"""The folder for what takes long to make and can be made again."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def kept_on_disk(
    name: str,
    key: str,
    ending: str,
    make: Callable[[], T],
    encode: Callable[[T], bytes],
    decode: Callable[[bytes], T],
    *,
    keep: int,
) -> T:
    """What `make` gave when it was first called for this key, where the disk can be written.

    Files lie in `$XDG_CACHE_HOME/dactyl_jax` or `~/.cache/dactyl_jax`. One is whole or not there;
    one that cannot be read is made again.

    Args:
        name: of this kind of thing.
        key: what it follows from, as a hexadecimal digest.
        ending: of its file, with the dot.
        make: makes it.
        encode, decode: to and from what the file holds.
        keep: files of this kind that stay; the oldest are removed.
    """
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dactyl_jax"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # not writable; no home
        return make()
    file = folder / f"{name}-{key[:32]}{ending}"
    # Whatever a damaged file raises, its content can be made again.
    with contextlib.suppress(Exception):
        return decode(file.read_bytes())
    made = make()
    with contextlib.suppress(OSError):
        temporary = file.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_bytes(encode(made))
        temporary.replace(file)
        for old in sorted(folder.glob(f"{name}-*"), key=lambda f: f.stat().st_mtime)[:-keep]:
            old.unlink(missing_ok=True)
    return made
