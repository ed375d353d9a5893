"""The benchmark's sweep, the comparison with Gymnasium-Robotics, the profile, the device check."""

import json
import os
import subprocess
import sys

import imageio.v2 as imageio
import pytest

from experiments import benchmark, benchmark_gymnasium, profile
from experiments.benchmarks import gymnasium, sweep


def _measured(engine, num_envs, rate):
    return {
        "mode": "train",
        "engine": engine,
        "device": "2 CPU cores",
        "num_envs": num_envs,
        "control_steps_per_second": rate,
        "simulated_seconds_per_second": 0.08 * rate,
        "physics_steps_per_second": 10 * rate,
        "raw_control_steps_per_second": 2 * rate,
        "ratio_to_raw": 0.5,
        "start_up_s": 12.0,
        "compile_s": 9.0,
        "host_memory_bytes": 2_000_000_000,
        "device_memory_bytes": None,
    }


def test_a_sweep_goes_on_after_a_failure(tmp_path, monkeypatch, capsys):
    asked = []

    def measure(engine, num_envs, arguments):
        asked.append((engine, num_envs, arguments))
        if engine == "mjx-warp":
            return {"engine": engine, "num_envs": num_envs, "error": "no device"}
        return _measured(engine, num_envs, 100.0 * num_envs)

    monkeypatch.setattr(sweep, "measure", measure)
    target, picture = tmp_path / "sweep.json", tmp_path / "sweep.png"
    arguments = ["--sweep", "--engines=mjx-warp,native", "--envs=8,16", "--seconds=0.5"]
    arguments += ["--config.ppo.passes", "3", "--json", str(target), f"--plot={picture}"]
    assert benchmark.main(arguments) == 0
    shared = ["--config.ppo.passes=3", "--mode=train", "--seconds=0.5"]
    pairs = [("mjx-warp", 8), ("mjx-warp", 16), ("native", 8), ("native", 16)]
    assert asked == [(*pair, shared) for pair in pairs]
    runs = json.loads(target.read_text())["runs"]
    assert [run.get("error") for run in runs] == ["no device", "no device", None, None]
    output = capsys.readouterr().out
    assert "| mjx-warp | 8 | no device |" in output
    assert "| native | 16 | 1,600 | 128 | 16,000 | 0.50 | 2,000 MB | 9 s | 12 s |" in output
    assert imageio.imread(picture).shape[1] > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--envs=8"], "--envs goes with --sweep"),
        (["--sweep", "--engine=native"], "a sweep takes --engines"),
        (["--sweep", "--num_envs=8"], "a sweep takes --envs"),
        (["--sweep", "--envs=8,many"], "it must be whole numbers"),
    ],
)
def test_wrong_flags_of_a_sweep_are_refused(arguments, message, capsys):
    assert benchmark.main(arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_a_pair_is_measured_in_a_process_of_its_own(tiny):
    fields = [argument for argument in tiny if argument.startswith("--config")]
    result = sweep.measure("native", 8, [*fields, "--seconds=0.01", "--mode=env"])
    assert (result["engine"], result["num_envs"], result["mode"]) == ("native", 8, "env")
    assert result["compile_s"] < result["start_up_s"]
    assert result["physics_steps_per_second"] == 10 * result["control_steps_per_second"]
    assert result["host_memory_bytes"] > 1e8


@pytest.mark.slow
def test_a_pair_that_fails_says_why():
    result = sweep.measure("native", 8, ["--mode=dance"])
    assert "mode" in result["error"] and "dance" in result["error"]


def test_the_ratio_to_gymnasium_is_one_of_medians():
    ours = [_measured("native", 512, rate) for rate in (3000.0, 5000.0, 4000.0)]
    summary = gymnasium._summary(ours, [(40.0, 20_000.0), (50.0, 25_000.0), (10.0, 5e3)])
    assert summary["ratio"] == pytest.approx(0.08 * 4000 / 40)
    assert summary["physics_ratio"] == pytest.approx(10 * 4000 / 20_000)


@pytest.mark.slow
def test_gymnasium_is_installed_and_measured(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(gymnasium, "_ROUNDS", 1)
    fields = [argument for argument in tiny if argument.startswith("--config")]
    target = tmp_path / "result.json"
    arguments = [f"--venv={tmp_path}/venv", "--seconds=1", f"--json={target}", *fields]
    assert benchmark_gymnasium.main(arguments) == 0
    result = json.loads(target.read_text())
    theirs = result["gymnasium_robotics"]
    assert theirs["physics_steps_per_second"] > 1000
    assert theirs["simulated_seconds_per_second"] == pytest.approx(
        0.002 * theirs["physics_steps_per_second"]
    )
    assert len(result["ours"]) == 1 and result["ratio"] > 0


def test_a_profile_needs_a_new_folder(tmp_path, capsys):
    assert profile.main([]) == 2
    assert "--out is missing" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert profile.main([f"--out={tmp_path}"]) == 2
    assert "already exists" in capsys.readouterr().err


@pytest.mark.slow
def test_the_device_check_runs_in_miniature(tmp_path):
    done = subprocess.run(
        ["experiments/accelerator_check.sh", str(tmp_path)],
        env=os.environ | {"SMOKE": "1", "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert "| while |" in done.stdout
    assert len(json.loads((tmp_path / "sweep.json").read_text())["runs"]) == 1
    assert len((tmp_path / "train" / "metrics.jsonl").read_text().splitlines()) == 2


@pytest.mark.slow
def test_an_unknown_step_of_the_device_check_is_refused(tmp_path):
    command = ["experiments/accelerator_check.sh", str(tmp_path), "dance"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "dance is not a step" in done.stderr
