"""Image files."""

import os
from pathlib import Path

import numpy as np
from PIL import Image


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Writes a PNG `[height, width, 3]` uint8, atomically; creates its directory if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        Image.fromarray(picture).save(temporary, format="png")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
