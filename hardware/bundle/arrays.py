"""Arrays of numbers in an .npz file, written the same each time and read within bounds."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

MOST_BYTES = 2**27  # of all arrays of a file, unpacked
MOST_ARRAYS = 4096


def pack(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The bytes of an .npz that holds no objects."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            entry = io.BytesIO()
            np.lib.format.write_array(entry, np.asarray(array), allow_pickle=False)
            # Of no date: what is the same makes the same bytes.
            member = zipfile.ZipInfo(f"{name}.npy")
            archive.writestr(member, entry.getvalue(), zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def unpack(content: bytes) -> dict[str, np.ndarray]:
    """The inverse of `pack`; nothing is unpacked before its size is known.

    Raises:
        ValueError: the bytes are no such file, or hold too much.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            size = sum(member.file_size for member in members)
            if len(members) > MOST_ARRAYS or size > MOST_BYTES:
                raise ValueError(f"{len(members)} arrays of {size} bytes are too much")
            return {
                member.filename[: -len(".npy")]: _array(archive.read(member)) for member in members
            }
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"it is no .npz file ({error})") from None


def _array(entry: bytes) -> np.ndarray:
    """An array of an .npy file that is as long as its header says."""
    stream = io.BytesIO(entry)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("an array is of another version than 1.0")
    shape, fortran, kind = np.lib.format.read_array_header_1_0(stream)
    if kind.hasobject or kind.kind not in "fiub" or len(shape) > 8:
        raise ValueError(f"an array holds {kind} in {len(shape)} dimensions")
    if math.prod(shape) * kind.itemsize != len(entry) - stream.tell():
        raise ValueError(f"an array of shape {shape} holds other than {math.prod(shape)} numbers")
    flat = np.frombuffer(entry, kind, offset=stream.tell()).copy()
    return flat.reshape(shape, order="F" if fortran else "C")
