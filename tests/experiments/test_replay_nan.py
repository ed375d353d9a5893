"""A diverging run leaves a file, and `experiments.replay_nan` opens it."""

import dataclasses
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import jax.numpy as jnp
import pytest

from dactyl_jax import physics
from dactyl_jax.envs import reorientation
from experiments import evaluate, replay_nan, train

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.usefixtures("no_report")
def test_from_training_to_the_replay(tiny, tmp_path, monkeypatch):
    pytest.importorskip("viser", reason="the viewer is not installed")
    build = reorientation.build

    def unstable(config, model, *given, **named):
        """Builds the bank with negative damping, which accelerates the joints."""
        bank = build(config, model, *given, **named)
        damping = jnp.full((bank.size, model.nv), -0.5, jnp.float32)
        draws = dataclasses.replace(bank.draws, parameters={"dof_damping": damping})
        return dataclasses.replace(bank, draws=draws)

    monkeypatch.setattr(reorientation, "build", unstable)
    folder = tmp_path / "nan"
    arguments = [*tiny, f"--workdir={tmp_path / 'run'}", f"--dump_nan={folder}"]
    assert train.main([*arguments, "--max_iterations=1"]) == 0
    monkeypatch.undo()
    (first, *_) = sorted(folder.glob("*.npz"))
    assert physics.read_divergence(first).num_steps == 10

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "experiments.replay_nan", str(first), f"--port={port}"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout is not None
            lines = [program.stdout.readline() for _ in range(12)]
            assert lines[0].startswith("physics step 0: fastest: ")
            assert lines[10] == "physics step 10: no longer a number\n"
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
    assert "none.npz' is not a readable divergence" in lines[1]
    assert lines[2].startswith("evaluate: --dump_nan does not go with --suite")
