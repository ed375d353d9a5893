"""The log of a session: every message and every control step, as JSON in an MCAP file.

MCAP (https://mcap.dev) is a container of time-stamped messages, which players such as Foxglove
open. A file that a crash cut short can be read almost up to the crash. A separate thread writes, so
that no control step waits for the disk.

/joint_states   stamp [s], names, position [rad] and velocity [rad/s] in the order of the names, as
                the hand sent them: the bundle's joints in any order, possibly with others
/pose           the object's stamp [s], frame, position [m] and orientation; the frame is the
                policy's, or the tracker's own if that is unknown and the pose was rejected
/estimate       the pose network's estimate: stamp [s] of its pictures, position [m], orientation,
                doubt (uncertainty) [rad], believed (accepted, so also a /pose), took [s]
/fingertips     stamp [s], frame (as in /pose), positions [m] of FF, MF, RF, LF, TH; NaN if not seen
/command        targets [rad] of the bundle's actuators, as sent to the hand
/step           a control step: trial, step, goals so far, goal, distance to it [rad], position and
                orientation that the policy saw, observation, logits, action, average of the
                actions so far, targets [rad], late [s]
/event          trial, text
/result         a trial's number, end, reason, goals, steps, steps_to_last_goal
/excitation     in a calibration, the actuator that moves from here on; empty at the motion's end

JSON has no numbers that are not finite: they are null in the file, and NaN when read.
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
_CHUNK = 2**16  # bytes written at a time; a crash loses as many, a fraction of a second
_MAGIC = b"\x89MCAP0\r\n"
_RECORD = struct.Struct("<BQ")  # head of a record: its type and its length


class Log:
    """Writes a log.

    Args:
        path: path of a new file.
        about: metadata of the session, as text.

    Attributes:
        failure: the error that ended the writing; None while there is none.
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
            time: time of the message, s.
            message: fields of the message: numbers, text and numpy arrays.
        """
        self._rows.put((topic, time, message))

    def close(self) -> None:
        """Writes the remaining messages and finishes the file.

        Raises:
            Held: not all could be written, for example because the disk is full; the file keeps
                what was written before.
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
            except Exception as error:  # the guard asks for it, and `close` raises it
                self.failure = error


def read(path: str) -> Iterator[tuple[str, float, dict[str, Any]]]:
    """Yields topic, time [s] and content of each message, in the order of writing.

    Raises:
        UserError: the file is not a log of `hardware`.
        OSError: it cannot be read.
    """
    library, errors = _library("mcap.reader"), _library("mcap.exceptions")
    content = Path(path).read_bytes()
    if not content.startswith(_MAGIC):
        raise UserError(f"{path!r} is not a log of hardware.run_trials: it is not an MCAP file")
    reader = library.NonSeekingReader(io.BytesIO(_whole(content)))
    try:
        for _, channel, message in reader.iter_messages(log_time_order=False):
            row = json.loads(message.data.decode())
            yield channel.topic, message.log_time / 1e9, _restored(row)
    except errors.EndOfFile:
        return  # the file ends without a footer, after a crash or because `_whole` cut it
    except (errors.McapError, ValueError) as problem:
        raise UserError(f"{path!r} is not a log of hardware.run_trials ({problem})") from None


def _whole(content: bytes) -> bytes:
    """The complete records of a file; a killed program leaves the last one incomplete."""
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
    """Converts numbers and arrays for JSON, those that are not finite to None; keeps the rest."""
    if not isinstance(value, (float, np.ndarray, np.generic)):
        return value
    array = np.asarray(value)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        array = np.where(np.isfinite(array), array.astype(object), np.array(None))
    return array.tolist()


def _restored(value: Any) -> Any:
    """The inverse of `_plain` after reading: None becomes NaN."""
    if isinstance(value, dict):
        return {name: _restored(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_restored(part) for part in value]
    return float("nan") if value is None else value
