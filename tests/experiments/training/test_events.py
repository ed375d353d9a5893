"""TensorBoard events: all scalars are written, and write errors stop only the events."""

import struct

import pytest
from tensorboardX.proto.event_pb2 import Event

from experiments.training.events import Events


def _read(folder):
    """Returns (step, name, value) of all scalars; a record is length, checksum, data, checksum."""
    (file,) = folder.iterdir()
    content, result = file.read_bytes(), []
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        event = Event.FromString(content[12 : 12 + length])
        result += [(event.step, value.tag, value.simple_value) for value in event.summary.value]
        content = content[16 + length :]
    return result


def test_what_is_added_is_there_at_once(tmp_path):
    with Events(tmp_path / "a", 1) as events:
        events.add(1, {"loss": 0.5, "goals": 3})
        events.add(2, {"loss": 0.25})
        assert _read(tmp_path / "a") == [(1, "loss", 0.5), (1, "goals", 3.0), (2, "loss", 0.25)]


@pytest.mark.parametrize("when", ["before", "later"])
def test_what_cannot_be_written_ends_events_alone(when, tmp_path, capsys, monkeypatch):
    folder = tmp_path / "events"
    if when == "before":
        folder.write_text("a file")
    with Events(folder, 1) as events:
        if when == "later":
            events.add(1, {"loss": 0.5})
            monkeypatch.setattr(events._writer, "flush", _full)
        for step in range(2, 5):
            events.add(step, {"loss": 0.5})
    said = capsys.readouterr().err
    assert said.count("TensorBoard events stopped") == said.count("\n") == 1


def _full():
    raise OSError(28, "No space left on device")


def test_nowhere_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Events(None, 1) as events:
        events.add(1, {"loss": 0.5})
    assert not any(tmp_path.iterdir())
