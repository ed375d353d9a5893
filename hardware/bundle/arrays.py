"""Arrays of numbers in .npz files: written reproducibly, read with limits on their size."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

MOST_BYTES = 2**27  # of all arrays in a file, unpacked
MOST_ARRAYS = 4096


def pack(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The bytes of an .npz file with these arrays of numbers."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            entry = io.BytesIO()
            np.lib.format.write_array(entry, np.asarray(array), allow_pickle=False)
            # Without a date, so that equal arrays give equal bytes.
            member = zipfile.ZipInfo(f"{name}.npy")
            archive.writestr(member, entry.getvalue(), zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def unpack(content: bytes) -> dict[str, np.ndarray]:
    """The arrays of an .npz file; checks their sizes before it unpacks them.

    Raises:
        ValueError: the bytes are not such a file, or the arrays are too large or too many.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            size = sum(member.file_size for member in members)
            if len(members) > MOST_ARRAYS or size > MOST_BYTES:
                raise ValueError(f"{len(members)} arrays with {size} bytes are too much")
            return {
                member.filename[: -len(".npy")]: _array(archive.read(member)) for member in members
            }
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"it is not an .npz file ({error})") from None


def _array(entry: bytes) -> np.ndarray:
    """The array of an .npy file; refuses a file whose length contradicts its header."""
    stream = io.BytesIO(entry)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("an array's format is not version 1.0")
    shape, fortran, kind = np.lib.format.read_array_header_1_0(stream)
    if kind.hasobject or kind.kind not in "fiub" or len(shape) > 8:
        raise ValueError(f"an array holds {kind} in {len(shape)} dimensions")
    if math.prod(shape) * kind.itemsize != len(entry) - stream.tell():
        raise ValueError(f"an array of shape {shape} does not hold {math.prod(shape)} numbers")
    flat = np.frombuffer(entry, kind, offset=stream.tell()).copy()
    return flat.reshape(shape, order="F" if fortran else "C")
