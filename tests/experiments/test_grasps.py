"""The grasp analysis on a tiny run."""

import json

import pytest

from dactyl_jax import evaluation
from experiments import grasps


@pytest.mark.slow
def test_grasps_are_told_and_drawn(trained, tmp_path, capsys):
    arguments = [f"--workdir={trained}", f"--out={tmp_path}", "--smoke"]
    assert grasps.main(arguments) == 0
    record = json.loads((tmp_path / "grasps.json").read_text())
    assert sum(found["share"] for found in record["grasps"].values()) == pytest.approx(1)
    for found in record["grasps"].values():
        assert (found["example"] is None) == (found["times"] == 0)
    assert record["minutes"] == pytest.approx(4 * 4 / 60, rel=0.25)  # except episode ends
    assert sum(record["failures"].values()) > 0
    assert evaluation.grasps.markdown(record) in capsys.readouterr().out
    assert (tmp_path / "grasps.png").stat().st_size > 20_000
