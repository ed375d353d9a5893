"""The policy presets: each trains at reduced size."""

import pytest

from experiments import command_line, train
from experiments.runs.workdir import WorkDirectory

SMALLER = [
    "--engine=native",
    "--config.num_envs=16",
    "--config.env.bank_size=16",
    "--config.network.dense=(16,)",
    "--config.network.lstm=8",
    "--config.run.max_minutes=0",
    "--max_iterations=2",
]

# The pose network's presets have another schema; test_vision_programs.py tests them.
PRESETS = [
    path
    for path in sorted(command_line.CONFIGS.glob("[!_]*.py"))
    if not path.stem.startswith("vision")
]


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_trains_in_miniature(path, tmp_path, no_report):
    """Only sizes are reduced; horizon, chunks, passes, terms and network types are unchanged."""
    assert train.main([f"--config={path}", f"--workdir={tmp_path}/run", *SMALLER]) == 0
    workdir = WorkDirectory(tmp_path / "run")
    rows = workdir.read_metrics()
    assert [row["iteration"] for row in rows] == [1, 2]
    assert all(row["skipped_updates"] == 0 and row["diverged"] == 0 for row in rows)
    assert rows[-1]["kl"] > 0
