"""Evaluate, record, benchmark and the final report, on a tiny run."""

import json
import shutil

import imageio.v2 as imageio
import pytest

from dactyl_jax.learning import restore_policy
from experiments import benchmark, evaluate, record, train
from experiments.base import files

ORIGIN = {"commit", "date", "machine"}
KEYS = {
    "trials",
    "goals",
    "goals_per_minute",
    "drops_per_minute",
    "seconds_per_goal",
    "goal_distribution",
    "engine",
    "seed",
    "checkpoint_step",
}


@pytest.mark.parametrize(
    ("agent", "goals", "checkpoint_step"),
    [("policy", "final", 32), ("zero", "near", None), ("random", "uniform", None)],
)
def test_evaluate_writes_what_it_measured(trained, tmp_path, agent, goals, checkpoint_step, capsys):
    target = tmp_path / "result.json"
    arguments = ["--trials=3", "--seed=7", "--goal_timeout_s=0.8", f"--json={target}"]
    flags = [f"--agent={agent}", f"--goals={goals}"]
    assert evaluate.main([f"--workdir={trained}", *arguments, *flags]) == 0
    result = json.loads(target.read_text())
    assert set(result) >= KEYS | ORIGIN
    statistics = {"mean", "std", "median", "max", "per_trial", "mean_interval", "median_interval"}
    assert set(result["goals"]) == statistics
    assert len(result["goals"]["per_trial"]) == result["trials"] == 3
    assert result["checkpoint_step"] == checkpoint_step
    assert (result["engine"], result["seed"]) == ("native", 7)
    assert (result["agent"], result["goal_distribution"]) == (agent, goals)
    assert (result["seconds_per_goal"] is None) == (sum(result["goals"]["per_trial"]) == 0)
    assert f"{goals} goals" in capsys.readouterr().out


def test_the_same_seed_gives_the_same_trials(trained, tmp_path):
    results = []
    for number in (1, 2):
        target = tmp_path / f"{number}.json"
        flags = ["--trials=4", "--goals=near", "--seed=1", "--goal_timeout_s=1.6"]
        assert evaluate.main([f"--workdir={trained}", *flags, f"--json={target}"]) == 0
        result = json.loads(target.read_text())
        results.append((result["goals"], result["goals_per_minute"], result["drops_per_minute"]))
    assert results[0] == results[1]


def test_greedy_trials_say_so_and_chance_has_none(trained, tmp_path, capsys):
    target = tmp_path / "result.json"
    flags = ["--trials=4", "--goals=near", "--goal_timeout_s=0.8", f"--json={target}"]
    assert evaluate.main([f"--workdir={trained}", *flags, "--greedy"]) == 0
    assert json.loads(target.read_text())["greedy"] is True
    assert evaluate.main([f"--workdir={trained}", *flags, "--greedy", "--agent=random"]) == 2
    error = capsys.readouterr().err
    assert "--greedy" in error and error.count("\n") == 1


@pytest.mark.slow
def test_trials_by_sight_and_late_ones_say_so(trained, tmp_path, capsys):
    flags = [f"--workdir={trained}", "--trials=2", "--goals=near", "--goal_timeout_s=0.8"]
    flags.append("--config.env.tilt=0.3")  # the tilt in the package network's training
    for told, latency in (
        (["--pose=state"], 0),
        (["--pose=state", "--pose_latency=2"], 2),
        (["--pose=vision"], 1),
        (["--pose=vision", "--pose_latency=0", "--renderer=warp"], 0),
    ):
        target = tmp_path / "result.json"
        assert evaluate.main([*flags, *told, f"--json={target}"]) == 0
        result = json.loads(target.read_text())
        assert result["pose_latency"] == latency
        by_sight = "vision" in told[0]
        assert result.get("renderer") == ("warp" if by_sight else None)
        assert ("doubt" in result) == by_sight
        assert ("doubt" in capsys.readouterr().out) == by_sight
    assert evaluate.main([*flags, "--renderer=gl"]) == 2
    assert "--renderer goes with --pose=vision" in capsys.readouterr().err


@pytest.mark.parametrize("program", [evaluate, record])
def test_missing_and_broken_work_directories_are_named(program, trained, tmp_path, capsys):
    out = [f"--out={tmp_path}/v.mp4"] if program is record else []
    broken = tmp_path / "broken"
    shutil.copytree(trained, broken)
    newest = broken / "checkpoints" / str(restore_policy(trained).iteration)
    for file in (newest / "policy").rglob("*"):
        if file.is_file():
            file.write_bytes(b"")
    unsaved = tmp_path / "unsaved"
    unsaved.mkdir()
    shutil.copy(trained / "config.json", unsaved)
    for arguments, named in (
        ([], "--workdir is missing"),
        ([f"--workdir={tmp_path}/nowhere"], "nowhere"),
        ([f"--workdir={tmp_path}"], "no config.json"),
        ([f"--workdir={unsaved}"], "no checkpoint"),
        ([f"--workdir={broken}"], "cannot be read"),
        ([f"--workdir={trained}", "--config.env.policy_observation=paper"], "trained on"),
    ):
        assert program.main([*arguments, *out]) == 2
        error = capsys.readouterr().err
        assert named in error
        assert error.count("\n") == 1
    assert not (tmp_path / "v.mp4").exists()


def test_record_refuses_what_it_cannot_write(trained, capsys):
    for arguments, named in (
        ([], "--out"),
        (["--out=video.gif"], "--out"),
        ([f"--out={trained}/config.json/video.mp4"], "--out"),
        (["--out=video.webp", "--width=500"], "--width"),
    ):
        assert record.main([f"--workdir={trained}", *arguments]) == 2
        assert named in capsys.readouterr().err


@pytest.mark.slow
def test_record_writes_a_video(trained, tmp_path):
    target = tmp_path / "video.mp4"
    flags = [f"--out={target}", "--seconds=0.4", "--width=160", "--fps=25"]
    assert record.main([f"--workdir={trained}", *flags]) == 0
    frames = [*imageio.get_reader(target).iter_data()]
    assert len(frames) == 9  # 5 control steps and the midpoints
    assert frames[0].shape == (120, 160, 3)


@pytest.mark.slow
def test_a_run_ends_with_a_report_and_the_same_command_ends_with_it_again(tiny, tmp_path):
    arguments = [*tiny, f"--workdir={tmp_path}/run", "--max_iterations=2"]
    for _ in range(2):
        assert train.main(arguments) == 0
        results = json.loads((tmp_path / "run" / "report" / "evaluation.json").read_text())
        assert set(results) == {"near", "final", "uniform"}
        for result in results.values():  # the run's origin.json holds the origin
            assert set(result) >= KEYS
        for name in ("report/learning_curve.png", "videos/policy.mp4"):
            file = tmp_path / "run" / name
            assert file.stat().st_size > 1000
            file.unlink()


@pytest.mark.parametrize("mode", ["physics", "env", "rollout", "train"])
def test_benchmark_compares_with_bare_stepping(tiny, tmp_path, mode):
    target = tmp_path / "result.json"
    arguments = [f"--mode={mode}", "--seconds=0.01", "--num_envs=8", f"--json={target}"]
    assert benchmark.main([*tiny, *arguments]) == 0
    result = json.loads(target.read_text())
    assert (result["mode"], result["engine"], result["num_envs"]) == (mode, "native", 8)
    ours, raw = result["control_steps_per_second"], result["raw_control_steps_per_second"]
    assert ours > 0
    assert result["ratio_to_raw"] == pytest.approx(ours / raw)


def test_json_is_not_written_when_nothing_was_measured(trained, tmp_path, capsys):
    target = tmp_path / "result.json"
    files.write_json(target, {"old": True})
    assert evaluate.main([f"--workdir={trained}", f"--json={target}", "--trials=0"]) == 2
    assert "trials" in capsys.readouterr().err
    assert json.loads(target.read_text()) == {"old": True}
