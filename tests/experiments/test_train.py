"""Training from the command line: stop, resume, refuse, start from another run."""

import dataclasses
import functools
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax.envs import adr, make_environment
from dactyl_jax.learning import (
    Checkpoints,
    Continuation,
    PolicyAgent,
    PolicyCheckpoint,
    normalization,
    restore_continuation,
    restore_policy,
)
from experiments import command_line, train
from experiments.runs.workdir import WorkDirectory
from experiments.training import continuation, loop
from experiments.training.trainer import make_trainer


def arrays(workdir):
    """Returns all arrays of the newest checkpoint's state."""
    config = WorkDirectory(workdir).load_config()
    trainer = make_trainer(config, make_environment(config))
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
    assert set(origin) == {"command", "commit", "date", "machine", "init_from", "teacher"}
    assert origin["command"].startswith("python -m experiments.train --engine=native ")
    assert origin["command"].endswith(" --max_iterations=2")
    assert "'--config.network.dense=(8,)'" in origin["command"]  # shell-quoted


@pytest.mark.slow
def test_a_run_in_parts_equals_a_run_in_one(tiny, tmp_path, no_report, capsys):
    arguments = [*tiny, "--config.randomization=all"]
    assert train.main([*arguments, f"--workdir={tmp_path}/straight", "--max_iterations=2"]) == 0
    capsys.readouterr()
    for limit in (1, 2):
        parts = [f"--workdir={tmp_path}/run", f"--max_iterations={limit}"]
        assert train.main([*arguments, *parts]) == 0
    assert "Continuing after iteration 1" in capsys.readouterr().out
    assert iterations(tmp_path / "run") == [1, 2]
    command = json.loads((tmp_path / "run" / "origin.json").read_text())["command"]
    assert command.endswith("--max_iterations=1")  # the command that started the run
    assert arrays(tmp_path / "run") == arrays(tmp_path / "straight")


ADR = [
    "--config.randomization=basic",
    "--config.adr.enabled=true",
    "--config.adr.boundary_share=0.5",
    "--config.adr.reference_share=0.4",
    "--config.adr.full_share=0.1",
    "--config.adr.episodes=1",
    "--config.adr.initial=0.5",
    "--config.adr.step=0.1",
    "--config.env.bank_size=32",
    "--config.env.bank_redraw=3",
    "--config.env.goal_timeout_s=0.16",
]


@pytest.mark.slow
def test_limits_of_randomisation_move_and_are_resumed(tiny, tmp_path, no_report, monkeypatch):
    """Episodes reach no goal, the reference counts 9 goals per episode: limits must narrow."""
    count = adr.count

    def pretend(role, *happened):
        counts = count(role, *happened)
        return counts | {"reference_goals": 9 * counts["reference_episodes"]}

    monkeypatch.setattr(adr, "count", pretend)
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
    # After a step, a limit waits for the next bank: at most one step per three iterations.
    for values in limits.values():
        assert np.all(np.abs(np.diff(values)) < 0.1 + 1e-6)
        assert values[0] - values[2] < 0.1 + 1e-6
    assert {"full_goals", "full_failures", "reference_goals", "reference_failures"} <= set(rows[0])
    assert "tested_goals" not in rows[0]


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


def same(ours, theirs):
    """Reports whether all arrays of two trees are equal."""
    leaves = jax.tree.leaves(ours), jax.tree.leaves(theirs)
    return all(np.array_equal(a, b) for a, b in zip(*leaves, strict=True))


AT_ONCE = "--config.run.max_minutes=1e-9"  # no iterations: the state stays as loaded


def test_the_training_goes_on_whole(trained, tiny, tmp_path, no_report, capsys):
    run = tmp_path / "run"
    arguments = [f"--workdir={run}", f"--init_from={trained}", "--config.seed=5"]
    assert train.main([*tiny, *arguments, AT_ONCE]) == 0
    said = capsys.readouterr().out
    assert f"Loaded from {trained}: policy, value function, learning rate" in said
    assert "Initialised: Adam's moments.\n" in said
    ours, theirs = restore_policy(run), restore_policy(trained)
    assert (ours.iteration, ours.steps, ours.steps_before) == (0, 32, 32)
    assert ours.goal_distance == theirs.goal_distance
    assert same(ours.agent, theirs.agent)
    ours, theirs = restore_continuation(run), restore_continuation(trained)
    for field in ("parameters", "observation", "target", "learning_rate"):
        assert same(getattr(ours, field), getattr(theirs, field)), field
    # Resuming does not need the source, and steps continue from its count.
    assert train.main([*tiny, *arguments, "--max_iterations=1"]) == 0
    assert "Loaded from" not in capsys.readouterr().out
    assert WorkDirectory(run).read_metrics()[-1]["control_steps"] == 48
    assert restore_policy(run).steps == 48


def test_a_policy_goes_on_alone_where_that_is_asked_for(trained, tiny, tmp_path, no_report, capsys):
    run = tmp_path / "run"
    arguments = [f"--workdir={run}", f"--init_from={trained}", "--init_from_policy_only"]
    assert train.main([*tiny, *arguments, "--config.seed=5", AT_ONCE]) == 0
    assert (
        "policy. Initialised: value function, learning rate, curriculum," in capsys.readouterr().out
    )
    assert same(restore_policy(run).agent, restore_policy(trained).agent)
    assert restore_policy(run).steps == 0
    ours, theirs = restore_continuation(run), restore_continuation(trained)
    assert not same(ours.parameters, theirs.parameters)
    assert float(ours.observation.count) == 0


@pytest.fixture(scope="module")
def trainers(tiny):
    """Returns a factory of trainers in the tiny run's environment, by configuration fields.

    No test here trains with them.
    """

    @functools.cache
    def make(**fields):
        config = command_line.parse(tiny, train.define_flags, command_line.device_preset)[1]
        config.update_from_flattened_dict(
            {name.replace("__", "."): value for name, value in fields.items()}
        )
        return make_trainer(config, make_environment(config))

    return make


def source(trainer, whole=True, **changed):
    """Returns a source at the end of training in the trainer's environment, with some changes."""
    networks, count = trainer.networks, jnp.float32(7.0)
    parameters = networks.initial_parameters(jax.random.key(9))
    seen, wanted = (
        dataclasses.replace(normalization.initial(shape), count=count)
        for shape in ((networks.value.inputs,), ())
    )
    went_on = Continuation(
        parameters["value"], networks.value, seen, wanted, jnp.float32(1e-3), {"friction": 0.6}
    )
    statistics = normalization.initial((networks.policy.inputs,))
    agent = PolicyAgent(parameters["policy"], statistics, networks.policy, 20, 11)
    went_on = dataclasses.replace(went_on, **changed)
    return continuation.Source("there", PolicyCheckpoint(agent, 3, 96, 2.0), went_on, whole)


def test_a_value_function_of_another_size_starts_anew(trainers):
    trainer = trainers()
    network = dataclasses.replace(trainer.networks.value, inputs=479)
    state, said = continuation.begin(
        trainer.initial_state(), trainer, source(trainer, network=network)
    )
    inputs = trainer.networks.value.inputs
    assert f"value function (different size: 479 there, {inputs} here)" in said
    assert float(state.learner.normalizers.value_observation.count) == 0
    assert float(state.learner.learning_rate) == pytest.approx(1e-3)
    network = dataclasses.replace(trainer.networks.value, lstm=99)
    _, said = continuation.begin(trainer.initial_state(), trainer, source(trainer, network=network))
    assert "value function (different lstm: 99 there, 8 here)" in said


def test_a_fixed_learning_rate_stays_the_run_s_own(trainers):
    trainer = trainers(ppo__schedule="fixed", ppo__learning_rate=2e-4)
    state, said = continuation.begin(trainer.initial_state(), trainer, source(trainer))
    assert float(state.learner.learning_rate) == pytest.approx(2e-4)
    assert "learning rate (config.ppo.schedule is fixed)" in said
    assert float(state.learner.normalizers.value_target.count) == 7


def test_what_was_not_kept_starts_anew(trainers):
    trainer = trainers()
    old = dataclasses.replace(source(trainer), training=None)
    state, said = continuation.begin(trainer.initial_state(), trainer, old)
    assert "policy, goals up to" in said
    assert "value function (not saved there), learning rate (not saved there)" in said
    assert same(state.learner.parameters["policy"], old.policy.agent.parameters)


def test_goals_and_limits_start_where_they_were(trainers):
    trainer = trainers()
    config = trainer.config.copy_and_resolve_references()
    config.randomization, config.adr.enabled = "basic", True
    there = source(trainer)
    start = continuation.initial_curriculum(config, there, None)
    assert float(start.goal_distance) == pytest.approx(2.0)
    limits = adr.by_term(config, start.limits)
    assert limits.pop("friction") == pytest.approx(0.6)
    assert set(limits.values()) == {float(np.float32(config.adr.initial))}
    alone = continuation.initial_curriculum(config, source(trainer, whole=False), None)
    assert float(alone.goal_distance) == pytest.approx(config.curriculum.initial_distance)


def test_a_policy_of_another_design_is_refused(trained, tiny, tmp_path, capsys):
    arguments = [f"--workdir={tmp_path}/run", f"--init_from={trained}", "--config.network.lstm=4"]
    assert train.main([*tiny, *arguments]) == 2
    assert "lstm" in capsys.readouterr().err


@pytest.fixture(scope="module")
def teacher(tiny, tmp_path_factory):
    """Returns the work directory of a tiny run with full state observations and no memory."""
    from experiments.evaluation import end_of_run

    folder = tmp_path_factory.mktemp("teacher") / "run"
    write, end_of_run.write = end_of_run.write, lambda workdir, env: None
    arguments = ["--config.env.policy_observation=state", "--noconfig.network.memory"]
    try:
        assert train.main([*tiny, *arguments, f"--workdir={folder}", "--max_iterations=1"]) == 0
    finally:
        end_of_run.write = write
    return folder


@pytest.mark.slow
def test_a_student_imitates_then_goes_on_alone_and_is_resumed(teacher, tiny, tmp_path, no_report):
    student = [f"--config.imitation.teacher={teacher}", "--config.imitation.iterations=2"]
    straight, parts = tmp_path / "straight", tmp_path / "parts"
    assert train.main([*tiny, *student, f"--workdir={straight}", "--max_iterations=3"]) == 0
    assert train.main([*tiny, *student, f"--workdir={parts}", "--max_iterations=1"]) == 0
    # The run keeps its teacher: what becomes of it later changes nothing.
    elsewhere = teacher.rename(teacher.with_name("elsewhere"))
    assert train.main([*tiny, *student, f"--workdir={parts}", "--max_iterations=3"]) == 0
    elsewhere.rename(teacher)
    assert WorkDirectory(parts).read_origin()["teacher"]["steps"] == restore_policy(teacher).steps
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
    assert "run the same command to continue" in output
    assert "Traceback" not in output
    assert restore_policy(tmp_path / "run").iteration == iterations(tmp_path / "run")[-1]


def test_a_run_that_was_killed_before_its_first_checkpoint_still_takes_over(
    trained, tiny, tmp_path, no_report, capsys, monkeypatch
):
    def kill(*_):
        raise KeyboardInterrupt

    arguments = [*tiny, f"--workdir={tmp_path}/run", f"--init_from={trained}", AT_ONCE]
    with monkeypatch.context() as patch:
        patch.setattr(loop, "save", kill)
        assert train.main(arguments) == command_line.EXIT_INTERRUPTED
    assert train.main(arguments) == 0
    assert "Loaded from" in capsys.readouterr().out
    assert same(restore_policy(tmp_path / "run").agent, restore_policy(trained).agent)


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_with_the_same_bits(tiny, tmp_path):
    """SIGKILL arrives at random times; each new process first adds at least one checkpoint."""
    arguments = [
        "--config.run.checkpoint_s=0.05",
        "--config.randomization=basic",
        "--config.env.bank_redraw=7",
    ]
    rng, kills = random.Random(0), 5
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
