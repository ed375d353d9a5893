"""Comparison of several runs, from the command line."""

import json
import shutil

import pytest

from dactyl_jax import evaluation
from experiments import compare


@pytest.mark.parametrize("x", ["wall", "steps"])
def test_runs_are_drawn_and_listed(trained, tmp_path, x, capsys):
    picture = tmp_path / "curves.png"
    named = [f"small net={trained}", f"small net#2={trained}"]
    assert compare.main([*named, f"--out={picture}", f"--x={x}", "--title=Two seeds"]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    output = capsys.readouterr().out
    assert output.startswith("# Two seeds\n")
    rows = [line for line in output.splitlines() if line.startswith("| `small net")]
    assert len(rows) == 2
    assert rows[0].startswith("| `small net` | 0 | 32 | 8.1e-08 | ")
    assert rows[1].startswith("| `small net#2` | 0 | 32 | ")
    assert not (tmp_path / "curves_goals.png").exists()  # they have played no trials


def test_runs_that_differ_in_their_seed_alone_are_one_family(trained, tmp_path, capsys):
    folders = []
    for name, changes in (("base-0", {}), ("base-1", {"seed": 1}), ("far", {"num_envs": 8})):
        folders.append(tmp_path / name)
        shutil.copytree(trained, folders[-1])
        file = folders[-1] / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    assert compare.main([str(folder) for folder in folders]) == 0
    output = capsys.readouterr().out
    names = [line.split("`")[1] for line in output.splitlines() if line.startswith("| `")]
    assert names == ["base", "base#2", "far"]
    assert "Picture" not in output


@pytest.mark.parametrize("field", [None, "world", "randomization", "seed"])
def test_trials_share_a_column_where_they_are_the_same(trained, tmp_path, field, capsys):
    result = {
        "trials": 2,
        "seed": 3,
        "goal_distribution": "near",
        "goal_timeout_s": 8.0,
        "world": "training",
        "randomization": "none",
        "goals": {"mean": 1.5, "per_trial": [1, 2]},
        "goals_per_minute": 4.0,
        "drops_per_minute": 0.5,
    }
    for name, changes in (("one", {}), ("other", {field: "else"} if field else {})):
        shutil.copytree(trained, tmp_path / name)
        file = tmp_path / name / "evaluations" / "own.json"
        file.parent.mkdir()
        file.write_text(json.dumps({"result": result | changes}))
    assert compare.main([f"one={tmp_path}/one", f"other={tmp_path}/other"]) == 0
    assert ("1.50 [" in capsys.readouterr().out) == (field is None)


def test_wrong_commands_are_refused(trained, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(
        evaluation, "study_pictures", lambda *_, **__: pytest.fail("a picture is drawn")
    )
    empty, slower = tmp_path / "empty", tmp_path / "slower"
    empty.mkdir()
    shutil.copy(trained / "config.json", empty)
    shutil.copytree(trained, slower)
    fields = json.loads((slower / "config.json").read_text())
    fields["env"]["control_dt"] = 0.16
    (slower / "config.json").write_text(json.dumps(fields))
    run, out = f"a={trained}", f"--out={tmp_path}/curves.png"
    for arguments, named in (
        ([out], "no run is named"),
        ([run, "--out=curves.pdf"], "end in .png"),
        ([out, "#2=x"], "is not NAME=DIR"),
        ([out, "a="], "is not NAME=DIR"),
        ([out, run, run], "'a' is named twice"),
        ([out, "nowhere"], "there is no folder 'nowhere'"),
        ([out, f"a={empty}"], "no iteration yet"),
        ([out, run, f"b={slower}", "--x=steps"], "--x=wall"),
        ([out, run, "--config.seed=3"], "--config.seed"),
    ):
        assert compare.main(arguments) == 2, arguments
        error = capsys.readouterr().err
        assert named in error
        assert error.count("\n") == 1
