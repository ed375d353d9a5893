"""The log of a session: every message and every control step, as JSON in an MCAP file.

MCAP (https://mcap.dev) is a container of time-stamped messages that players such as Foxglove open;
a file that a crash cut short can be read up to about there. A thread of its own writes, so that no
control step waits for a disk.

/joint_states   stamp [s], names, position [rad] and velocity [rad/s] in the order of those names,
                as the hand sent them: the bundle's joints, in whatever order, and maybe others
/pose           of the object: stamp [s], frame, position [m] and orientation; the frame is the
                policy's, or the tracker's own if it is not known and the pose of no use
/estimate       of the pose network: stamp [s] of its pictures, position [m], orientation, doubt
                [rad], whether it is believed (then it is a /pose, too), took [s]
/fingertips     stamp [s], frame, positions [m] of FF, MF, RF, LF, TH, likewise; NaN if not seen
/command        targets [rad] of the bundle's actuators, as they went to the hand
/step           of the policy: trial, step, goals so far, goal, distance to it [rad], position and
                orientation that it saw, observation, logits, action, average of the actions
                so far, targets [rad], late [s]
/event          trial, text
/result         of a trial: its number, end, reason, goals, steps, steps_to_last_goal
/excitation     of a calibration: the actuator that moves from here on; empty when it is over

JSON has no word for what is no finite number: it is null in the file, and NaN when read.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import queue
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hardware.base.errors import Held, UserError, describe

TOPICS = (
    *("/joint_states", "/pose", "/estimate", "/fingertips", "/command"),
    *("/step", "/event", "/result", "/excitation"),
)
LIBRARY = "dactyl_jax hardware"
_CHUNK = 2**16  # bytes that are written at a time, and lost in a crash: a fraction of a second
_MAGIC = b"\x89MCAP0\r\n"
_RECORD = struct.Struct("<BQ")  # what a record begins with: its kind and its length


class Log:
    """An MCAP file that is being written.

    Args:
        path: of a new file.
        about: what holds for the whole session, as text.

    Attributes:
        failure: why no more is written; None while it is.
    """

    def __init__(self, path: Path, about: dict[str, str]):
        mcap = _library("mcap.writer")
        self._stream = path.open("wb")
        self._writer = mcap.Writer(self._stream, chunk_size=_CHUNK)
        self._writer.start(library=LIBRARY)
        self._writer.add_metadata("session", about)
        schema = self._writer.register_schema("json", "jsonschema", b'{"type": "object"}')
        self._channels = {
            topic: self._writer.register_channel(topic, "json", schema) for topic in TOPICS
        }
        self._rows: queue.SimpleQueue[tuple[str, float, dict[str, Any]] | None] = (
            queue.SimpleQueue()
        )
        self.failure: Exception | None = None
        self._thread = threading.Thread(target=self._drain, name="log", daemon=True)
        self._thread.start()

    def write(self, topic: str, time: float, **message: Any) -> None:
        """Adds a message; returns at once.

        Args:
            topic: one of `TOPICS`.
            time: s.
            message: numbers, text and numpy arrays.
        """
        self._rows.put((topic, time, message))

    def close(self) -> None:
        """Writes what is left and finishes the file.

        Raises:
            Held: not all could be written, such as on a full disk; what came before is there.
        """
        self._rows.put(None)
        self._thread.join()
        try:
            if self.failure is None:
                self._writer.finish()
        except OSError as error:
            self.failure = error
        finally:
            with contextlib.suppress(OSError):
                self._stream.close()
        if self.failure is not None:
            raise Held(f"the log: {describe(self.failure)}")

    def _drain(self) -> None:
        for topic, time, message in iter(self._rows.get, None):
            if self.failure is not None:
                continue
            try:
                stamp = int(time * 1e9)
                row = {name: _plain(value) for name, value in message.items()}
                content = json.dumps(row, allow_nan=False).encode()
                self._writer.add_message(self._channels[topic], stamp, content, stamp)
            except Exception as error:  # for whoever asks, and for `close` to raise
                self.failure = error


def read(path: str) -> Iterator[tuple[str, float, dict[str, Any]]]:
    """Topic, time [s] and content of every message of a log, as they were written.

    Raises:
        UserError: it is no log of ours.
        OSError: it cannot be read.
    """
    library, errors = _library("mcap.reader"), _library("mcap.exceptions")
    content = Path(path).read_bytes()
    if not content.startswith(_MAGIC):
        raise UserError(f"{path!r} is not a log of ours: it is no MCAP file")
    reader = library.NonSeekingReader(io.BytesIO(_whole(content)))
    try:
        for _, channel, message in reader.iter_messages(log_time_order=False):
            row = json.loads(message.data.decode())
            yield channel.topic, message.log_time / 1e9, _restored(row)
    except errors.EndOfFile:
        return  # nothing is said after the last record, by `_whole` if not by a crash
    except (errors.McapError, ValueError) as problem:
        raise UserError(f"{path!r} is not a log of ours ({problem})") from None


def _whole(content: bytes) -> bytes:
    """A file's whole records; where a program was killed, the last one is cut."""
    end = len(_MAGIC)
    while end + _RECORD.size <= len(content):
        _, length = _RECORD.unpack_from(content, end)
        if end + _RECORD.size + length > len(content):
            break
        end += _RECORD.size + length
    return content[:end]


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise UserError("logs need the library mcap: python3 -m pip install mcap") from None


def _plain(value: Any) -> Any:
    """What JSON has for numbers and arrays, None for those that are not finite; the rest as is."""
    if not isinstance(value, (float, np.ndarray, np.generic)):
        return value
    array = np.asarray(value)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        array = np.where(np.isfinite(array), array.astype(object), np.array(None))
    return array.tolist()


def _restored(value: Any) -> Any:
    """The same read: NaN for None."""
    if isinstance(value, dict):
        return {name: _restored(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_restored(part) for part in value]
    return float("nan") if value is None else value
