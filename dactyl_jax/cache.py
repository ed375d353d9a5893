"""A disk cache for results that are slow to compute."""

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
    """Returns the cached result for a key; computes and stores it if there is none.

    Files are in `$XDG_CACHE_HOME/dactyl_jax` or `~/.cache/dactyl_jax`. They are written atomically.
    A file that cannot be read is recomputed. Without a writable disk nothing is cached.

    Args:
        name: kind of result, the start of the file name.
        key: hexadecimal digest of everything that the result depends on.
        ending: file name extension, with the dot.
        make: computes the result.
        encode, decode: convert the result to and from the file's bytes.
        keep: number of files of this kind to keep; the oldest are removed.
    """
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dactyl_jax"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # not writable; no home
        return make()
    file = folder / f"{name}-{key[:32]}{ending}"
    # A damaged file may raise anything, and its content can be recomputed.
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
