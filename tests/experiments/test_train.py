"""Training from the command line: stop, continue, refuse, start from another run."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from dactyl_jax.envs import make_environment
from dactyl_jax.learning import Checkpoints, restore_policy
from experiments import train, training
from experiments.workdir import WorkDirectory


def arrays(workdir):
    """All arrays of the newest checkpoint's state."""
    config = WorkDirectory(workdir).load_config()
    trainer = training.make_trainer(config, make_environment(config))
    checkpoints = Checkpoints(workdir)
    try:
        state = checkpoints.restore(trainer.initial_state())
    finally:
        checkpoints.close()
    state = jax.tree.map(
        lambda x: (
            jax.random.key_data(x) if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key) else x
        ),
        state,
    )
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(state)]


def iterations(workdir):
    return [row["iteration"] for row in WorkDirectory(workdir).read_metrics()]


def test_a_run_leaves_its_configuration_checkpoint_and_metrics(trained):
    assert json.loads((trained / "config.json").read_text())["engine"] == "native"
    assert restore_policy(trained).iteration == 2
    rows = WorkDirectory(trained).read_metrics()
    assert [row["control_steps"] for row in rows] == [16, 32]
    assert {"goals_per_minute", "drops_per_minute", "kl", "entropy", "wall_minutes"} <= set(rows[0])
    assert any((trained / "tensorboard").iterdir())
    origin = json.loads((trained / "origin.json").read_text())
    assert set(origin) == {"command", "commit", "date", "machine"}
    assert origin["command"].startswith("python -m experiments.train --engine=native ")
    assert origin["command"].endswith(" --max_iterations=2")
    assert "'--config.network.dense=(8,)'" in origin["command"]  # ready for a shell


@pytest.mark.slow
def test_a_run_in_parts_equals_a_run_in_one(trained, tiny, tmp_path, no_report, capsys):
    for limit in (1, 2):
        assert train.main([*tiny, f"--workdir={tmp_path}/run", f"--max_iterations={limit}"]) == 0
    assert "Continuing after iteration 1" in capsys.readouterr().out
    assert iterations(tmp_path / "run") == [1, 2]
    command = json.loads((tmp_path / "run" / "origin.json").read_text())["command"]
    assert command.endswith("--max_iterations=1")  # the one that started it
    assert arrays(tmp_path / "run") == arrays(trained)


ADR = [
    "--config.randomization=basic",
    "--config.adr.enabled=true",
    "--config.adr.boundary_share=1",
    "--config.adr.episodes=1",
    "--config.adr.initial=0.5",
    "--config.adr.step=0.1",
    "--config.adr.narrow_goals=1",
    "--config.env.bank_redraw=3",
    "--config.env.goal_timeout_s=0.16",
]


@pytest.mark.slow
def test_limits_of_randomisation_move_and_are_resumed(tiny, tmp_path, no_report):
    """Episodes so short that no goal is reached: the limits of the terms tested must narrow."""
    straight, parts = tmp_path / "straight", tmp_path / "parts"
    assert train.main([*tiny, *ADR, f"--workdir={straight}", "--max_iterations=8"]) == 0
    for limit in (3, 8):
        assert train.main([*tiny, *ADR, f"--workdir={parts}", f"--max_iterations={limit}"]) == 0
    assert arrays(parts) == arrays(straight)
    rows = WorkDirectory(straight).read_metrics()
    limits = {name: [row[name] for row in rows] for name in rows[0] if name.startswith("limit_")}
    assert len(limits) == 7 and "limit_friction" in limits
    assert all(0 <= value <= 0.5 for values in limits.values() for value in values)
    assert sum(values[-1] < 0.45 for values in limits.values()) >= 2
    # A limit that moved waits for the next bank: at most one step in three iterations.
    for values in limits.values():
        assert np.all(np.abs(np.diff(values)) < 0.1 + 1e-6)
        assert values[0] - values[2] < 0.1 + 1e-6


def test_the_surrogate_world_is_not_trained_in(tiny, tmp_path, capsys):
    arguments = [f"--workdir={tmp_path}/run", "--config.env.world=surrogate"]
    assert train.main([*tiny, *arguments]) == 2
    error = capsys.readouterr().err
    assert "config.env.world" in error and error.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("argument", "named"),
    [
        ("--config.terms.mass.low=-1", "config.terms.mass.low"),
        ("--config.terms.friction.low=2", "config.terms.friction.low"),
        ("--config.terms.action_delay.probability=1.5", "config.terms.action_delay.probability"),
        ("--config.terms.stickiness.enabled=true", "terms.stickiness"),
        ("--config.randomization=most", "config.randomization"),
        ("--config.env.world=moon", "config.env.world"),
        ("--config.adr.maximum=0", "config.adr.maximum"),
    ],
)
def test_a_wrong_range_is_one_line_and_exit_code_2(tiny, argument, named, tmp_path, capsys):
    assert train.main([*tiny, f"--workdir={tmp_path}/run", argument]) == 2
    error = capsys.readouterr().err
    assert named in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--config.seed=1"], "seed"),
        (["--engine=mjx-jax"], "engine"),
        (["--config.env.object=prism"], "env.object"),
        (["--init_from=nowhere"], "nowhere"),
    ],
)
def test_another_run_is_refused_and_nothing_is_overwritten(trained, tiny, arguments, named, capsys):
    before = {p: p.stat().st_mtime_ns for p in trained.rglob("*") if p.name != ".lock"}
    assert train.main([*tiny, f"--workdir={trained}", *arguments]) == 2
    error = capsys.readouterr().err
    assert named in error
    assert error.count("\n") == 1
    assert {p: p.stat().st_mtime_ns for p in before} == before


@pytest.mark.parametrize(
    ("argument", "named"),
    [
        ("--engine=mjx-warp --config.num_envs=100000000000", "num_envs"),
        ("--config.num_envs=100000000", "num_envs"),
    ],
)
def test_impossible_sizes_are_refused_before_anything_is_written(
    tiny, argument, named, tmp_path, capsys
):
    assert train.main([*tiny, f"--workdir={tmp_path}/run", *argument.split()]) == 2
    error = capsys.readouterr().err
    assert named in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run" / "config.json").exists()


def test_a_policy_is_taken_over(trained, tiny, tmp_path, no_report):
    arguments = [f"--workdir={tmp_path}/run", f"--init_from={trained}", "--config.seed=5"]
    sure = "--config.run.max_minutes=1e-9"  # no iteration: the policy as it was taken over
    assert train.main([*tiny, *arguments, sure]) == 0
    ours, theirs = restore_policy(tmp_path / "run"), restore_policy(trained)
    assert ours.iteration == 0
    for a, b in zip(
        jax.tree.leaves(ours.agent.parameters),
        jax.tree.leaves(theirs.agent.parameters),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(ours.agent.statistics.mean, theirs.agent.statistics.mean)


def test_a_policy_of_another_design_is_refused(trained, tiny, tmp_path, capsys):
    arguments = [f"--workdir={tmp_path}/run", f"--init_from={trained}", "--config.network.lstm=4"]
    assert train.main([*tiny, *arguments]) == 2
    assert "lstm" in capsys.readouterr().err


@pytest.fixture(scope="module")
def teacher(tiny, tmp_path_factory):
    """The work directory of a tiny run that sees the state, without memory."""
    from experiments import run_report

    folder = tmp_path_factory.mktemp("teacher") / "run"
    write, run_report.write = run_report.write, lambda workdir, env: None
    arguments = ["--config.env.policy_observation=state", "--noconfig.network.memory"]
    try:
        assert train.main([*tiny, *arguments, f"--workdir={folder}", "--max_iterations=1"]) == 0
    finally:
        run_report.write = write
    return folder


@pytest.mark.slow
def test_a_student_imitates_then_goes_on_alone_and_is_resumed(teacher, tiny, tmp_path, no_report):
    student = [f"--config.imitation.teacher={teacher}", "--config.imitation.iterations=2"]
    straight, parts = tmp_path / "straight", tmp_path / "parts"
    assert train.main([*tiny, *student, f"--workdir={straight}", "--max_iterations=3"]) == 0
    for limit in (1, 3):
        assert train.main([*tiny, *student, f"--workdir={parts}", f"--max_iterations={limit}"]) == 0
    assert arrays(parts) == arrays(straight)
    rows = WorkDirectory(straight).read_metrics()
    assert ["imitation_loss" in row for row in rows] == [True, True, False]
    assert restore_policy(straight).agent.network.memory


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--config.env.action=absolute"], "--config.env.action=relative"),
        (["--config.env.value_observation=privileged"], "--config.env.value_observation=paper"),
        (["--config.imitation.teacher=nowhere"], "nowhere"),
        (["--config.imitation.iterations=0"], "config.imitation.iterations"),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused(teacher, tiny, arguments, said, tmp_path, capsys):
    student = [f"--workdir={tmp_path}/run", f"--config.imitation.teacher={teacher}"]
    assert train.main([*tiny, *student, *arguments, "--max_iterations=1"]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not (tmp_path / "run" / "config.json").exists()


def test_a_teacher_must_see_the_state(trained, tiny, tmp_path, capsys):
    student = [f"--workdir={tmp_path}/run", f"--config.imitation.teacher={trained}"]
    assert train.main([*tiny, *student]) == 2
    assert "--config.env.policy_observation=state" in capsys.readouterr().err


def start(tiny, workdir, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "experiments.train", *tiny, f"--workdir={workdir}", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(condition, process, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_a_signal_stops_cleanly_with_a_checkpoint(tiny, tmp_path, number):
    process = start(tiny, tmp_path / "run", "--max_iterations=1000000")
    wait_for(lambda: len(iterations(tmp_path / "run")) > 2, process)
    process.send_signal(number)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 0, output
    assert "the same command continues" in output
    assert "Traceback" not in output
    assert restore_policy(tmp_path / "run").iteration == iterations(tmp_path / "run")[-1]


@pytest.mark.slow
def test_killed_at_twenty_moments_it_ends_with_the_same_bits(tiny, tmp_path):
    """SIGKILL at random moments; each new process first adds at least one checkpoint."""
    arguments = [
        "--config.run.checkpoint_s=0.05",
        "--config.randomization=basic",
        "--config.env.bank_redraw=7",
    ]
    rng, kills = random.Random(0), 20
    killed = tmp_path / "killed"
    for _ in range(kills):
        before = max(_newest(killed), 0)
        process = start(tiny, killed, *arguments, "--max_iterations=1000000")
        wait_for(lambda before=before: _newest(killed) > before, process)
        time.sleep(rng.uniform(0.0, 0.4))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    last = _newest(killed) + 20
    for workdir in (killed, tmp_path / "straight"):
        process = start(tiny, workdir, *arguments, f"--max_iterations={last}")
        output = process.communicate(timeout=600)[0]
        assert process.returncode == 0, output
        assert iterations(workdir) == list(range(1, last + 1))
    assert arrays(killed) == arrays(tmp_path / "straight")


def _newest(workdir: Path) -> int:
    folder = Path(workdir) / "checkpoints"
    names = [p.name for p in folder.iterdir()] if folder.is_dir() else []
    return max((int(name) for name in names if name.isdigit()), default=-1)
