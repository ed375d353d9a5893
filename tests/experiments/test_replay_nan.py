"""A run that diverges leaves a file, and `experiments.replay_nan` opens it."""

import dataclasses
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from dactyl_jax import physics
from experiments import evaluate, replay_nan, train

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.usefixtures("no_report")
def test_from_training_to_the_replay(tiny, tmp_path, monkeypatch):
    pytest.importorskip("viser", reason="the viewer is not installed")
    stepped = physics.NativeEngine._step_on_host

    def diverge(engine, num_steps, parameters, state, share=0):
        """Environments start to race once they are 10 control steps old."""
        old = np.asarray(state.time) > 0.75
        state = dataclasses.replace(state, qvel=np.where(old[:, None], 1e4, state.qvel))
        return stepped(engine, num_steps, parameters, state, share)

    monkeypatch.setattr(physics.NativeEngine, "_step_on_host", diverge)
    folder = tmp_path / "nan"
    arguments = [*tiny, f"--workdir={tmp_path / 'run'}", f"--dump_nan={folder}"]
    assert train.main([*arguments, "--max_iterations=4", "--config.env.goal_timeout_s=80"]) == 0
    (first, *_) = sorted(folder.glob("*.npz"))
    monkeypatch.undo()
    assert physics.read_divergence(first).num_steps == 10
    assert float(physics.read_divergence(first).state.time[0]) == pytest.approx(0.8, abs=1e-5)

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "experiments.replay_nan", str(first), f"--port={port}"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout is not None
            lines = [program.stdout.readline() for _ in range(12)]
            assert lines[0].startswith("physics step 0: fastest: ")
            assert lines[10].startswith("physics step 10: ")
            assert lines[11].startswith(f"http://localhost:{port} ")
            with urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=10) as page:
                assert page.status == 200
        finally:
            program.terminate()


def test_a_file_is_needed(tmp_path, capsys):
    assert replay_nan.main([]) == 2
    assert replay_nan.main([str(tmp_path / "none.npz")]) == 2
    assert evaluate.main(["--suite=paper", "--policies=a=b", "--out=c", "--dump_nan=d"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "replay_nan: the file is missing: name one that --dump_nan wrote"
    assert "none.npz' is no divergence that can be read" in lines[1]
    assert lines[2].startswith("evaluate: --dump_nan does not go with --suite")
