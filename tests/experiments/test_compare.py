"""Several runs in one picture, from the command line."""

import json
import shutil

import pytest

from dactyl_jax import evaluation
from experiments import compare


@pytest.mark.parametrize("x", ["wall", "steps"])
def test_runs_are_drawn_and_listed(trained, tmp_path, x, capsys):
    picture = tmp_path / "curves.png"
    runs = f"--runs=small net={trained},small net#2={trained}"
    assert compare.main([runs, f"--out={picture}", f"--x={x}", "--title=Two seeds"]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("| `small net` | 32 | 8.1e-08 | ")
    assert lines[3].startswith("| `small net#2` | 32 | ")


def test_wrong_commands_are_refused(trained, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(evaluation, "draw_runs", lambda *_, **__: pytest.fail("a picture is drawn"))
    empty, slower = tmp_path / "empty", tmp_path / "slower"
    empty.mkdir()
    shutil.copy(trained / "config.json", empty)
    shutil.copytree(trained, slower)
    fields = json.loads((slower / "config.json").read_text())
    fields["env"]["control_dt"] = 0.16
    (slower / "config.json").write_text(json.dumps(fields))
    runs, out = f"--runs=a={trained}", f"--out={tmp_path}/curves.png"
    for arguments, named in (
        ([out], "--runs is missing"),
        ([runs], "--out is missing"),
        ([runs, "--out=curves.pdf"], "end in .png"),
        ([out, "--runs=a"], "'a' is not name=DIR"),
        ([out, "--runs=#2=x"], "is not name=DIR"),
        ([out, f"--runs=a={trained},a={trained}"], "'a' is named twice"),
        ([out, "--runs=a=nowhere"], "--runs: a: there is no folder 'nowhere'"),
        ([out, f"--runs=a={empty}"], "no iteration yet"),
        ([out, f"--runs=a={trained},b={slower}", "--x=steps"], "--x=wall"),
        ([out, runs, "--config.seed=3"], "--config.seed"),
    ):
        assert compare.main(arguments) == 2, arguments
        error = capsys.readouterr().err
        assert named in error
        assert error.count("\n") == 1
