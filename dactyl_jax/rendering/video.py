"""Video files."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import imageio.v2 as imageio
import numpy as np
from PIL import Image

from dactyl_jax.errors import UserError


def write_video(path: str | os.PathLike[str], frames: Iterable[np.ndarray], fps: float) -> None:
    """Writes an MP4 (H.264) or an animated WebP, atomically.

    Args:
        path: output file; ends in `.mp4`, or in `.webp` for pages that show animations as images.
            Its directory is created if needed.
        frames: images [height, width, 3] uint8 of one size, at least one. Width and height are
            even, as the colour format requires.
        fps: frames per second; a WebP rounds to whole milliseconds.

    Raises:
        ValueError: the path has another ending, there are no frames, or a size is not allowed.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in _WRITERS:
        raise UserError(
            f"path: {str(path)!r} has no supported video format; it may be *.mp4 or *.webp"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    # Encode in a separate process: an interrupted encoder may touch its file after this one ends.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        encoded = Path(directory) / f"video{ending}"
        _WRITERS[ending](encoded, _checked(frames), fps)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            shutil.copyfile(encoded, beside)
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)


def _checked(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    shape = None
    for frame in frames:
        shape = shape or frame.shape
        if frame.shape != shape or len(shape) != 3 or shape[0] % 2 or shape[1] % 2:
            raise ValueError(
                f"frames: one is {frame.shape}; all must be [height, width, 3] of one even size"
            )
        yield frame
    if shape is None:
        raise ValueError("frames: there are none; there must be at least 1")


def _write_mp4(path: Path, frames: Iterator[np.ndarray], fps: float) -> None:
    writer: Any = imageio.get_writer(
        path, format="FFMPEG", fps=fps, codec="libx264", quality=8, macro_block_size=2
    )
    with writer:
        for frame in frames:
            writer.append_data(frame)


def _write_webp(path: Path, frames: Iterator[np.ndarray], fps: float) -> None:
    first, *others = map(Image.fromarray, frames)
    animation: Any = {"save_all": True, "append_images": others, "duration": round(1000 / fps)}
    # One key frame and an endless loop: the other frames store only changes.
    first.save(path, **animation, loop=0, quality=60, method=4, kmin=len(others) + 1, kmax=10**6)


_WRITERS = {".mp4": _write_mp4, ".webp": _write_webp}
