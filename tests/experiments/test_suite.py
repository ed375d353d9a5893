"""The paper's suite over tiny policies: its table, its cells and refused commands."""

import json
import shutil

import pytest

import dactyl_jax.config
from experiments import evaluate, train
from experiments.evaluation import paper, scoring, suite
from experiments.runs.trials import trial_seed


@pytest.fixture
def quick(monkeypatch):
    """Reduces the suite to one world, one short time limit and one baseline agent."""
    monkeypatch.setattr(paper, "WORLDS", {"none": paper.WORLDS["none"]})
    monkeypatch.setattr(paper, "GOAL_TIMEOUTS_S", (0.4,))
    monkeypatch.setattr(paper, "AGENTS", {"zero": paper.AGENTS["zero"]})


def run(out, policies, *more):
    size = ["--engine=native", "--trials=3", "--config.env.bank_size=4", "--config.env.max_goals=2"]
    return evaluate.main(["--suite=paper", f"--policies={policies}", f"--out={out}", *size, *more])


def table(out):
    return json.loads((out / "table.json").read_text())


@pytest.mark.slow
def test_a_suite_measures_each_cell_once(
    trained, tiny, no_report, quick, tmp_path, monkeypatch, capsys
):
    out, ours = tmp_path / "out", tmp_path / "ours"
    shutil.copytree(trained, ours)
    policies = f"block={trained},ours={ours}"
    measured = []
    evaluate_cell = scoring.evaluate

    def spy(env, agent, **settings):
        measured.append(type(agent).__name__)
        return evaluate_cell(env, agent, **settings)

    monkeypatch.setattr(scoring, "evaluate", spy)
    assert run(out, policies) == 0
    assert measured == ["PolicyAgent", "PolicyAgent", "ZeroAgent"]
    assert "[3/3] zero, world none, 0.4 s a goal" in capsys.readouterr().out
    first = table(out)
    assert [row["name"] for row in first["rows"]] == [*paper.ROWS, "ours", *paper.AGENTS]
    cells = {row["name"]: row["cells"] for row in first["rows"]}
    assert {name for name, found in cells.items() if found} == {"block", "ours", *paper.AGENTS}
    block = first["rows"][0]
    assert block["checkpoint_step"] == 32
    assert block["years"] == pytest.approx(32 * 0.08 / (365.25 * 86400))
    assert [cell["goal_timeout_s"] for cell in cells["block"]] == [0.4]
    for cell in cells["block"]:
        assert len(cell["goals"]["per_trial"]) == cell["trials"] == 3
        low, high = cell["goals"]["mean_interval"]
        assert low <= cell["goals"]["mean"] <= high
    goals = [[cell["goals"] for cell in cells[name]] for name in ("block", "ours")]
    assert goals[0] == goals[1]  # the same policy in the same trials
    text = (out / "table.md").read_text(encoding="utf-8")
    assert "| `prism` | octagonal prism |  | not run |" in text
    assert "--config.env.max_goals=2" in text
    assert (out / "table.png").stat().st_size > 10_000

    measured.clear()
    (out / "table.json").unlink()
    assert run(out, policies) == 0
    assert not measured
    assert table(out) == first

    # Only a changed checkpoint is measured again.
    assert train.main([*tiny, f"--workdir={ours}", "--max_iterations=3"]) == 0
    assert run(out, policies) == 0
    assert measured == ["PolicyAgent"]
    rows = {row["name"]: row for row in table(out)["rows"]}
    assert (rows["block"]["checkpoint_step"], rows["ours"]["checkpoint_step"]) == (32, 48)


def test_policies_keep_what_they_were_trained_with_and_share_the_rest():
    own, protocol = dactyl_jax.config.default(), suite.base_config(7)
    own.env.object, own.env.locked_wrist, own.env.action = "prism", True, "absolute"
    own.env.tilt, own.env.goal_threshold, own.seed, own.randomization = 0.1, 0.8, 5, "basic"
    own.terms.friction.enabled = True
    worlds = {}
    for world in paper.WORLDS:
        task = suite._task(protocol, suite._Row("prism", "", own), world)
        dactyl_jax.config.validate(task)
        env = task.env
        assert (env.object, env.locked_wrist, env.action) == ("prism", True, "absolute")
        assert (env.tilt, env.goal_threshold) == (0.1, protocol.env.goal_threshold)
        assert task.seed == trial_seed(7)
        assert task.terms.friction.enabled is None
        worlds[world] = (task.randomization, env.world)
    assert worlds == {
        "none": ("none", "training"),
        "all": ("all", "training"),
        "surrogate": ("none", "surrogate"),
    }


def test_wrong_commands_are_refused_before_the_first_trial(trained, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(scoring, "evaluate", lambda *_, **__: pytest.fail("a trial was run"))
    unsaved, file = tmp_path / "unsaved", tmp_path / "file"
    unsaved.mkdir()
    shutil.copy(trained / "config.json", unsaved)
    file.touch()
    given = [f"--policies=block={trained}", f"--out={tmp_path}/out"]
    suited = "--suite=paper"
    for arguments, named in (
        ([suited, given[0]], "--out"),
        ([suited, given[1]], "--policies"),
        (given, "--suite=paper"),
        ([f"--workdir={trained}", given[1]], "--suite=paper"),
        (["--suite=other", *given], "--suite"),
        ([suited, *given, f"--workdir={trained}"], "--workdir does not go with --suite"),
        ([suited, *given, "--goal_timeout_s=8"], "--goal_timeout_s does not go with --suite"),
        ([suited, *given, "--pretrained"], "--pretrained does not go with --suite"),
        ([suited, given[1], "--policies=block=pretrained:best"], "unrandomised"),
        ([suited, *given, "--agent=zero"], "--agent does not go with --suite"),
        ([suited, *given, "--config.env.object=prism"], "--config.env.object"),
        ([suited, *given, "--config.randomization=basic"], "--config.randomization"),
        ([suited, *given, "--trials=1"], "--trials=1"),
        ([suited, given[1], "--policies=block"], "'block' is not name=DIR"),
        ([suited, given[1], "--policies=block="], "'block=' is not name=DIR"),
        ([suited, given[1], f"--policies=a b={trained}"], "is not name=DIR"),
        ([suited, given[1], f"--policies=block={trained},"], "'' is not name=DIR"),
        ([suited, given[1], f"--policies=a={trained},a={trained}"], "'a' is named twice"),
        ([suited, given[1], f"--policies=zero={trained}"], "the row 'zero'"),
        (
            [suited, given[1], f"--policies=block={trained},prism=nowhere"],
            "prism: there is no fold",
        ),
        ([suited, given[1], f"--policies=block={tmp_path}"], "no config.json"),
        ([suited, given[1], f"--policies=block={unsaved}"], "no checkpoint"),
        ([suited, given[0], f"--out={file}"], "is not a folder"),
    ):
        assert evaluate.main(arguments) == 2, arguments
        error = capsys.readouterr().err
        assert named in error
        assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_suite_runs_in_every_world(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(paper, "GOAL_TIMEOUTS_S", (0.4, 0.8))
    assert run(tmp_path, f"block={trained}") == 0
    found = table(tmp_path)
    for row in (found["rows"][0], *found["rows"][-2:]):
        assert [(cell["world"], cell["goal_timeout_s"]) for cell in row["cells"]] == [
            (world, timeout) for world in ("none", "all", "surrogate") for timeout in (0.4, 0.8)
        ]
    transfers = [x for x in found["differences"] if x["of"]["row"] == x["against"]["row"]]
    assert len(transfers) == 6

    # Trials of another seed are measured and stored in addition.
    monkeypatch.setattr(paper, "WORLDS", {"none": paper.WORLDS["none"]})
    assert run(tmp_path, f"block={trained}", "--seed=1") == 0
    assert len([*(tmp_path / "cells").iterdir()]) == 18 + 6
