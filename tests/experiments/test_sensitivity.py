"""The sensitivity analysis on a tiny run."""

import json

import pytest

from experiments import sensitivity
from experiments.studies import page


@pytest.mark.slow
def test_what_costs_goals_is_measured_told_and_drawn(trained, tmp_path, capsys):
    out = tmp_path / "out"
    flags = ["--terms=backlash", "--hands=3", "--seconds=2", "--goal_timeout_s=0.8"]
    assert sensitivity.main([f"--workdir={trained}", *flags, f"--out={out}"]) == 0
    printed = capsys.readouterr().out
    assert "[4/4] backlash alone (" in printed
    assert (out / "sensitivity.md").read_text().strip() in printed
    assert (out / "sensitivity.png").stat().st_size > 10_000
    record = json.loads((out / "sensitivity.json").read_text())
    assert record["command"].startswith("python -m experiments.sensitivity --workdir=")
    assert {"commit", "date", "machine", "engine", "policy", "seed"} <= set(record)
    found = [(entry["kind"], entry["name"]) for entry in record["conditions"]]
    ends = [("everything", ""), ("nothing", "")]
    assert found == [*ends, ("without", "backlash"), ("alone", "backlash")]
    for entry in record["conditions"]:
        assert all(len(counts) == 3 for counts in entry["per_hand"].values())
        for happened in zip(*entry["per_hand"].values(), strict=True):
            assert sum(happened) >= 2  # in 2 s, with 0.8 s a goal
    assert page.content(record).endswith("![What costs goals](figures/sensitivity.png)")


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--terms="], "--terms is empty; name some of object_size, mass, "),
        (
            ["--terms=backlash,gian"],
            "--terms: 'gian' is not a term; choose from object_size, mass, ",
        ),
        (["--config.env.world=surrogate"], "config.env.world is 'surrogate'"),
        (["--hands=1"], "--hands"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_a_line(flags, named, tmp_path, capsys):
    assert sensitivity.main(["--pretrained", *flags, f"--out={tmp_path}/out"]) == 2
    error = capsys.readouterr().err
    assert named in " ".join(error.split()) and error.count("\n") == 1
    assert not (tmp_path / "out").exists()
