"""Video files."""

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import imageio.v2 as imageio
import numpy as np


def write_video(path: str | os.PathLike[str], frames: Iterable[np.ndarray], fps: float) -> None:
    """Writes an MP4 (H.264); the file appears at `path` complete or not at all.

    Args:
        path: where to; must end in `.mp4`. Its directory is made if need be.
        frames: pictures [height, width, 3] uint8 of one size, at least one. Sizes are even, as the
            colour format demands.
        fps: pictures per second.

    Raises:
        ValueError: the path is no `.mp4`, there are no frames, or one has a size that cannot be.
    """
    path = Path(path)
    if path.suffix != ".mp4":
        raise ValueError(f"path: {str(path)!r} is no video that can be written; it may be *.mp4")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Encoded elsewhere: an encoder that is cut off may touch its file after we are gone.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        encoded = Path(directory) / "video.mp4"
        _write(encoded, frames, fps)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            shutil.copyfile(encoded, beside)
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)


def _write(path: Path, frames: Iterable[np.ndarray], fps: float) -> None:
    shape = None
    writer: Any = imageio.get_writer(
        path, format="FFMPEG", fps=fps, codec="libx264", quality=8, macro_block_size=2
    )
    with writer:
        for frame in frames:
            shape = shape or frame.shape
            if frame.shape != shape or len(shape) != 3 or shape[0] % 2 or shape[1] % 2:
                raise ValueError(
                    f"frames: one is {frame.shape}; all may be [height, width, 3] of one even size"
                )
            writer.append_data(frame)
    if shape is None:
        raise ValueError("frames: there are none; there may be 1 or more")
