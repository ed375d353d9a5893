"""Publishing a tiny run as a policy of the package; programs use the policy like the run."""

import dataclasses
import json
import shutil

import jax
import numpy as np
import pytest

import dactyl_jax.config
from dactyl_jax import pretrained
from dactyl_jax.learning import restore_continuation, restore_policy
from dactyl_jax.pretrained import store
from experiments import command_line, evaluate, publish, record, train
from experiments.evaluation import publication, scoring, suite
from experiments.runs import policies
from experiments.runs.workdir import WorkDirectory

NAME = "unrandomised"


def pretend(env, agent, *, trials, seed, distribution, **settings):
    """Returns a made-up result with the requested settings, without running trials."""
    goals = {"mean": 1.0, "std": 0.0, "median": 1.0, "max": 1, "per_trial": [1] * trials}
    asked = {
        "agent": type(agent).__name__,
        "world": env.config.env.world,
        "goal_timeout_s": env.config.env.goal_timeout_s,
        "config_seed": env.config.seed,
        "goal_distribution": distribution,
        "trials": trials,
        "seed": seed,
    }
    rates = {"goals_per_minute": 1.0, "drops_per_minute": 0.0, "seconds_per_goal": 1.0}
    ends = dict.fromkeys(("drops", "timeouts", "caps", "diverged", "overflows"), 0)
    return {"goals": goals, **asked, **rates, **ends, **settings}


def publish_tiny(trained, root):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "ROOT", root)
        patch.setattr(publish, "GOAL_TIMEOUT_S", 0.8)
        arguments = [f"--workdir={trained}", f"--name={NAME}", "--trials=2", "--engine=native"]
        assert publish.main(arguments) == 0


@pytest.fixture(scope="module")
def package(trained, tmp_path_factory):
    """Makes a package folder with the tiny run's policy; the trials are made up."""
    root = tmp_path_factory.mktemp("pretrained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring, "evaluate", pretend)
        publish_tiny(trained, root)
    return root


@pytest.fixture
def shipped(package, monkeypatch):
    monkeypatch.setattr(store, "ROOT", package)
    return package / NAME


def test_a_policy_is_published_with_what_is_known_of_it(trained, shipped):
    assert {file.name for file in shipped.iterdir()} == {
        "config.json",
        "metrics.json",
        "parameters.npz",
    }
    config, _, metrics = pretrained.load(NAME)
    assert config == WorkDirectory(trained).load_config()
    assert (metrics["steps"], metrics["iteration"]) == (32, 2)
    assert metrics["years"] == pytest.approx(32 * 0.08 / (365.25 * 86400))
    origin = metrics["origin"]
    assert origin["command"] == json.loads((trained / "origin.json").read_text())["command"]
    assert (origin["seed"], origin["steps"], origin["init_from"]) == (config.seed, 32, None)
    last = WorkDirectory(trained).read_metrics()[-1]
    assert origin["wall_minutes"] == last["wall_minutes"]
    assert "--trials=2 --seed=0" in metrics["published_by"]

    agents = {
        world: {name: result["agent"] for name, result in found.items()}
        for world, found in metrics["evaluation"].items()
    }
    assert agents == {
        "own": {"policy": "PolicyAgent", "zero": "ZeroAgent", "random": "RandomAgent"},
        "surrogate": {"policy": "PolicyAgent"},
    }
    for world, found in metrics["evaluation"].items():
        for name, result in found.items():
            assert result["world"] == ("surrogate" if world == "surrogate" else "training")
            assert result["goal_distribution"] == "uniform"
            assert (result["trials"], result["goal_timeout_s"]) == (2, 0.8)
            assert result["config_seed"] != config.seed  # initial states unseen in training
            assert result["checkpoint_step"] == (32 if name == "policy" else None)
            assert result["goals"]["mean_interval"] == [1.0, 1.0]


@pytest.mark.slow
def test_trials_of_a_published_policy(trained, tmp_path):
    publish_tiny(trained, tmp_path)
    metrics = json.loads((tmp_path / NAME / "metrics.json").read_text())
    results = [*metrics["evaluation"]["own"].values(), metrics["evaluation"]["surrogate"]["policy"]]
    assert len(results) == 4
    for result in results:
        assert result["goals"]["mean_interval"][0] <= result["goals"]["mean"]
        assert result["drops"] + result["timeouts"] + result["caps"] == 2


def test_the_policy_is_that_of_the_run(trained, shipped):
    ours, theirs = pretrained.policy(NAME), restore_policy(trained)
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    jax.tree.map(np.testing.assert_array_equal, ours.agent, theirs.agent)
    assert ours.goal_distance == theirs.goal_distance
    ours, theirs = pretrained.continuation(NAME), restore_continuation(trained)
    assert (ours.network, ours.limits) == (theirs.network, theirs.limits)
    for field in ("parameters", "observation", "target", "learning_rate"):
        jax.tree.map(np.testing.assert_array_equal, getattr(ours, field), getattr(theirs, field))


def test_randomised_policies_are_also_measured_without(trained):
    config = WorkDirectory(trained).load_config()
    config.terms.mass.enabled, config.adr.enabled = True, True
    worlds = publication._worlds(config)
    assert worlds.pop("own") == config
    assert {
        name: (task.randomization, task.env.world, task.terms.mass.enabled)
        for name, task in worlds.items()
    } == {"none": ("none", "training", None), "surrogate": ("none", "surrogate", None)}
    for task in worlds.values():
        dactyl_jax.config.validate(task)


def test_a_run_that_started_from_another_says_where_that_came_from(trained, tmp_path):
    child = tmp_path / "child"
    shutil.copytree(trained, child)
    (child / "origin.json").unlink()
    fields = json.loads((child / "config.json").read_text())
    fields["init_from"], fields["imitation"]["teacher"] = str(trained), "nowhere"
    (child / "config.json").write_text(json.dumps(fields))
    origin = policies.lineage(str(child))
    assert (origin["command"], origin["workdir"]) == (None, str(child))
    assert origin["init_from"]["command"].startswith("python -m experiments.train")
    assert origin["init_from"]["workdir"] == str(trained)
    assert origin["init_from"]["init_from"] is None
    assert origin["teacher"] == {"workdir": "nowhere"}
    own = 32 * 0.08 / (365.25 * 86400)
    assert origin["years"] == pytest.approx(own)
    assert policies.years(origin) == pytest.approx(2 * own)


def test_what_a_run_started_from_is_told_as_it_was_then(trained, tmp_path):
    child = tmp_path / "child"
    shutil.copytree(trained, child)
    fields = json.loads((child / "config.json").read_text()) | {"init_from": "elsewhere"}
    (child / "config.json").write_text(json.dumps(fields))
    then = {"workdir": "elsewhere", "years": 1.0}
    (child / "origin.json").write_text(json.dumps({"command": "train", "init_from": then}))
    assert policies.lineage(str(child))["init_from"] == then


def test_steps_that_a_run_went_on_from_are_years_of_its_source_alone(trained, monkeypatch):
    policy = dataclasses.replace(restore_policy(trained), steps=100, steps_before=68)
    monkeypatch.setattr(policies, "load_policy", lambda run: policy)
    lineage = policies.lineage(str(trained))
    assert lineage["steps"] == 100
    assert lineage["years"] == pytest.approx(32 * 0.08 / (365.25 * 86400))


def test_wrong_commands_are_refused_before_the_first_trial(
    trained, shipped, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(scoring, "evaluate", lambda *_, **__: pytest.fail("a trial was run"))
    before = (shipped / "metrics.json").read_bytes()
    run, name = f"--workdir={trained}", f"--name={NAME}"
    for arguments, named in (
        ([name], "--workdir is missing"),
        ([run], "--name is missing"),
        ([run, "--name=best"], "unrandomised"),
        ([run, name, "--trials=1"], "--trials"),
        ([f"--workdir={tmp_path}", name], "no config.json"),
        ([run, name, "--config.env.object=prism"], "--config.env.object"),
        ([run, name, f"--config={command_line.CONFIGS / 'quick.py'}"], "--config: "),
    ):
        assert publish.main(arguments) == 2, arguments
        error = capsys.readouterr().err
        assert named in error
        assert error.count("\n") == 1
    monkeypatch.setattr(publication, "_MOST_BYTES", 1000)
    assert publish.main([run, name]) == 2
    assert "smaller config.network" in capsys.readouterr().err
    assert (shipped / "metrics.json").read_bytes() == before


def test_evaluate_takes_the_package_s_policy_as_it_takes_the_run(trained, shipped, monkeypatch):
    calls = []

    def spy(env, agent, **settings):
        calls.append((env.config, agent, settings))
        return pretend(env, agent, **settings)

    monkeypatch.setattr(scoring, "evaluate", spy)
    for source in ([f"--workdir={trained}"], ["--pretrained", f"--pretrained_name={NAME}"]):
        flags = ["--trials=3", "--goals=final", "--config.env.goal_threshold=0.5", "--seed=4"]
        assert evaluate.main([*source, *flags]) == 0
    (config, agent, settings), (ours, our_agent, our_settings) = calls
    assert ours == config and our_settings == settings
    assert ours.env.goal_threshold == 0.5
    assert our_settings["final_distance"] == pytest.approx(0.9)
    jax.tree.map(np.testing.assert_array_equal, our_agent, agent)


@pytest.mark.parametrize("program", [evaluate, record])
def test_flags_that_do_not_go_together(program, trained, shipped, tmp_path, capsys):
    out = [f"--out={tmp_path}/v.mp4"] if program is record else []
    for arguments, named in (
        ([f"--workdir={trained}", "--pretrained"], "leave one of them out"),
        ([f"--workdir={trained}", f"--pretrained_name={NAME}"], "goes with --pretrained; add"),
        (["--pretrained_name=policy"], "goes with --pretrained; add"),
        (["--pretrained", "--pretrained_name=best"], "policy|unrandomised"),
        (["--pretrained"], "experiments.publish --workdir=DIR --name=policy"),
    ):
        assert program.main([*arguments, *out]) == 2
        error = capsys.readouterr().err
        assert named in error
        assert error.count("\n") == 1


def test_a_suite_and_a_new_run_take_it_by_name(shipped, tiny, tmp_path, no_report):
    row = suite._load(suite._Row("block", "block"), f"pretrained:{NAME}")
    assert row.checkpoint.steps == 32 and row.config == policies.load_config(f"pretrained:{NAME}")
    arguments = [f"--workdir={tmp_path}/run", f"--init_from=pretrained:{NAME}"]
    assert train.main([*tiny, *arguments, "--config.run.max_minutes=1e-9"]) == 0
    ours, theirs = restore_policy(tmp_path / "run").agent, pretrained.policy(NAME).agent
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)
