"""A run's metrics as TensorBoard events.

The training thread writes them, once per iteration. tensorboardX's writer thread is not used: it
dies if its file cannot be written, and its callers then block forever.
"""

import contextlib
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.summary import scalar


class Events(contextlib.AbstractContextManager):
    """Writes scalars for TensorBoard; stops writing if the folder is not writable.

    Args:
        folder: output folder, created if missing; None disables writing.
        first_step: earlier events from this step on become void.
    """

    def __init__(self, folder: Path | None, first_step: int):
        self._writer: EventsWriter | None = None
        if folder is None:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._writer = EventsWriter(str(folder / "events"))
            self._write(Event(step=first_step, file_version="brain.Event:2"))
            start = SessionLog(status=SessionLog.START)
            self._write(Event(step=first_step, session_log=start))
        except OSError as error:
            self._end(error)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Writes one scalar per name to disk.

        Args:
            step: the iteration.
            values: values by curve name, in the units of the metrics.
        """
        try:
            for name, value in values.items():
                self._write(Event(step=step, summary=scalar(name, value)))
            if self._writer is not None:
                self._writer.flush()
        except OSError as error:
            self._end(error)

    def __exit__(self, *error) -> None:
        try:
            if self._writer is not None:
                self._writer.close()
        except OSError as problem:
            self._end(problem)

    def _write(self, event: Event) -> None:
        if self._writer is not None:
            event.wall_time = time.time()
            self._writer.write_event(event)

    def _end(self, error: OSError) -> None:
        self._writer = None
        print(
            f"TensorBoard events stopped: {error}. Training continues; see metrics.jsonl instead.",
            file=sys.stderr,
        )
