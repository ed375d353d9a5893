"""Atomic file writes."""

import json

import pytest

from dactyl_jax.errors import UserError
from experiments.base import files


def test_a_write_replaces_the_whole_file_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "new" / "result.json"
    files.write_json(path, {"a": [1, None]})
    files.write_json(path, {"a": 2})
    assert json.loads(path.read_text()) == {"a": 2}
    assert [p.name for p in path.parent.iterdir()] == ["result.json"]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    files.write_json(path, {"a": 1})
    monkeypatch.setattr(files.os, "fsync", _fail)
    with pytest.raises(OSError, match="disk full"):
        files.write_json(path, {"a": 2})
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def _fail(descriptor):
    raise OSError("disk full")


def test_impossible_outputs_are_refused_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    assert files.check_output("json", str(tmp_path / "new" / "x.json")).name == "x.json"
    with pytest.raises(UserError, match=r"--json.*is a folder"):
        files.check_output("json", str(tmp_path))
    with pytest.raises(UserError, match=r"--json.*not a folder"):
        files.check_output("json", str(tmp_path / "file" / "x.json"))
    with pytest.raises(UserError, match=r"--json.*must end in \.json"):
        files.check_output("json", str(tmp_path / "x.txt"), [".json"])
    with pytest.raises(UserError, match=r"--json.*device or a pipe"):
        files.check_output("json", "/dev/null")


def test_a_link_stays_one(tmp_path):
    (tmp_path / "there").mkdir()
    link = tmp_path / "result.json"
    link.symlink_to("there/kept.json")
    files.write_json(link, 1)
    assert link.is_symlink()
    assert (tmp_path / "there" / "kept.json").read_text() == "1\n"
