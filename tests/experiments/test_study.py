"""Studies: training, evaluation, reuse of results and refused commands."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dactyl_jax.errors import UserError
from experiments import ablations, command_line, compare, memory, report, scale, variants
from experiments.evaluation import scoring
from experiments.runs.workdir import WorkDirectory
from experiments.studies import (
    commands,
    design,
    launch,
    measurement,
    runner,
    training,
)
from experiments.studies import page as page_lib
from experiments.studies import record as record_lib

STUDIES = {
    "memory": memory.STUDY,
    "ablations": ablations.STUDY,
    "variants": variants.STUDY,
    "scale": scale.STUDY,
    "scale on accelerators": scale.ON_ACCELERATORS,
}
TWO = design.Study(
    name="two",
    title="Two",
    variants={
        "a": design.Variant("first", {"ppo.discount": 0.99}),
        "b": design.Variant("second", {"ppo.discount": 0.9}),
    },
    tests={"own": design.Test("near goals", goal_timeout_s=0.8)},
    pairs=[("a", "b")],
    steps=32,
    seeds=1,
)


def lay_out(planned, trained):
    """Copies the shared run to every run of the study, with the planned configuration."""
    for each in planned:
        if not each.folder.exists():
            shutil.copytree(trained, each.folder)
            files = WorkDirectory(each.folder)
            files.claim(each.config, json.loads(files.origin_file.read_text()))
    return True


@pytest.fixture
def already_trained(trained, monkeypatch):
    """Replaces training with copies of the shared run."""
    monkeypatch.setattr(
        training, "train", lambda planned, logs, parallel: lay_out(planned, trained)
    )


def run_two(values, config, command):
    runner.run(TWO, values, config, command)


def run(workdir, tiny, *more):
    # Without the run length in `tiny`, because the study sets it.
    size = [each for each in tiny if each != "--config.run.max_minutes=0"]
    main = commands.program(TWO, run_two, "")
    return main([f"--workdir={workdir}", "--trials=3", *size, *more])


def test_a_study_measures_once_and_says_what_it_found(
    already_trained, tiny, tmp_path, monkeypatch, capsys
):
    workdir = tmp_path / "two"
    assert run(workdir, tiny, "--seeds=2") == 0
    record = json.loads((workdir / "two.json").read_text())
    assert [r["name"] for v in record["variants"].values() for r in v["runs"]] == [
        *("a-0", "a-1", "b-0", "b-1")
    ]
    found = record["variants"]["a"]["runs"][0]
    assert found["steps"] == 32
    assert found["years"] == pytest.approx(32 * 0.08 / (365.25 * 86400))
    assert len(found["evaluations"]["own"]["goals"]["per_trial"]) == 3
    assert found["evaluations"]["own"]["goal_timeout_s"] == 0.8
    assert "| first | 2 | 8.1e-08 |" in (workdir / "two.md").read_text(encoding="utf-8")
    for picture in ("two.png", "two_steps.png"):
        assert (workdir / picture).stat().st_size > 10_000

    monkeypatch.setattr(scoring, "evaluate", lambda *_, **__: pytest.fail("measured again"))
    (workdir / "two.json").unlink()
    assert run(workdir, tiny, "--seeds=1") == 0
    again = json.loads((workdir / "two.json").read_text())
    assert again["variants"]["a"]["runs"] == [found]
    (workdir / "runs" / "a-0" / "evaluations" / "own.json").write_text("{")
    with pytest.raises(pytest.fail.Exception, match="measured again"):
        run(workdir, tiny, "--seeds=1")

    # The work directories and the page give the same table and figures.
    shutil.rmtree(workdir / "runs" / "a-0")
    capsys.readouterr()
    assert compare.main([str(workdir), f"--out={tmp_path}/curves.png", "--x=steps"]) == 0
    assert "| `b#2` | 1 |" in capsys.readouterr().out
    assert (tmp_path / "curves_goals.png").stat().st_size > 10_000

    page = tmp_path / "docs" / "results.md"
    page.parent.mkdir()
    page.write_text("before\n<!-- two -->\nold\n<!-- /two -->\nafter\n", encoding="utf-8")
    assert report.main([f"--docs={page.parent}", f"--add={workdir}"]) == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert "| first | 1 | 8.1e-08 |" in text
    assert report.main([f"--docs={page.parent}"]) == 0
    assert page.read_text(encoding="utf-8") == text
    assert (page.parent / "figures" / "two_steps.png").stat().st_size > 10_000


def test_wrong_commands_are_refused_before_anything_is_trained(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(launch, "train_all", lambda *_: pytest.fail("trained"))
    file = tmp_path / "file"
    file.touch()
    other = tmp_path / "other" / "runs" / "a-0"
    other.mkdir(parents=True)
    (other / "notes.txt").touch()
    for arguments, named in (
        (["--config.ppo.discount=0.5"], "--config.ppo.discount: the study sets"),
        (["--max_minutes=3"], "max_minutes"),
        (["--config.run.max_iterations=3"], "--config.run.max_iterations: the study sets"),
        (["--trials=1"], "--trials"),
        (["--seeds=0"], "--seeds"),
        ([f"--workdir={file}"], "is not a folder"),
        ([f"--workdir={tmp_path}/other"], "holds files but no config.json"),
    ):
        assert run(tmp_path / "new", tiny, *arguments) == 2, arguments
        error = capsys.readouterr().err
        assert named in error
        assert error.count("\n") == 1


def test_a_run_that_went_further_is_refused(already_trained, trained, tiny, tmp_path):
    _, config = command_line.parse(
        tiny, command_line.define_engine_flag, command_line.device_preset
    )
    config.engine = "native"
    (planned,) = design.plan(TWO, config, tmp_path, 16, 1)[:1]
    training.train([planned], tmp_path, 1)
    with pytest.raises(UserError, match=r"--steps: the run in .* has 2 iterations"):
        training.iterations(planned)


def test_a_run_that_ended_early_is_not_all_of_it(trained, tiny, tmp_path, monkeypatch):
    """A run that receives a signal directly exits with status 0."""
    _, config = command_line.parse(
        tiny, command_line.define_engine_flag, command_line.device_preset
    )
    config.engine = "native"
    for steps, whole in ((32, True), (64, False)):  # 2 iterations, and 4
        planned = design.plan(TWO, config, tmp_path / str(steps), steps, 1)[:1]
        monkeypatch.setattr(launch, "train_all", lambda *_, p=planned: lay_out(p, trained))
        assert training.train(planned, tmp_path, 1) == whole


RECORDS = sorted(Path(__file__).parents[2].glob("docs/results/*.json"))


@pytest.mark.parametrize("file", RECORDS, ids=lambda file: file.stem)
def test_the_page_says_what_the_records_say(file):
    text = RECORDS[0].parents[1].joinpath("results.md").read_text(encoding="utf-8")
    record = json.loads(file.read_text(encoding="utf-8"))
    assert page_lib.fill(text, file.stem, page_lib.content(record)) == text


def test_trials_by_sight_are_one_record(tmp_path, capsys):
    (kept,) = (file for file in RECORDS if file.stem == "eyes")
    record = json.loads(kept.read_text(encoding="utf-8"))
    page, folder = tmp_path / "docs" / "results.md", tmp_path / "eyes"
    for file in (page, folder / "one.json"):
        file.parent.mkdir()
    page.write_text("<!-- eyes -->\n<!-- /eyes -->\n", encoding="utf-8")
    for result in record["results"]:
        way = f"{result.get('renderer', 'state')}{result['pose_latency']}"
        (folder / f"{way}.json").write_text(json.dumps(result), encoding="utf-8")
    add = [f"--docs={page.parent}", f"--add={folder}"]
    assert report.main(add) == 0
    assert json.loads((page.parent / "results" / "eyes.json").read_text()) == record
    (printed,) = re.findall(
        r"OpenGL.*, minus the simulator's sensors \| (\S+) \[", page.read_text()
    )
    means = {
        (result["pose"], result.get("renderer"), result["pose_latency"]): result["goals"]["mean"]
        for result in record["results"]
    }
    difference = means["vision", "gl", 1] - means["state", None, 0]
    assert float(printed) == pytest.approx(difference, abs=0.051)

    (folder / "other.json").write_text(json.dumps(record["results"][1] | {"seed": 6}))
    capsys.readouterr()
    assert report.main(add) == 2
    assert "the results differ in seed: ['5', '6']" in capsys.readouterr().err


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_s_variants_train_for_equal_experience(name):
    """All planned configurations are valid, and the variants differ as declared."""
    one = STUDIES[name]
    assert one.name == name.split()[0]
    config = command_line.load_config_file(str(command_line.CONFIGS / "quick.py"))
    planned = design.plan(one, config, command_line.CONFIGS, 300_000, 2)
    assert len(planned) == 2 * len(one.variants) == len({each.name for each in planned})
    for each in planned:
        steps = each.config.run.max_iterations * each.config.num_envs * each.config.ppo.horizon
        assert abs(steps - 300_000) <= each.config.num_envs * each.config.ppo.horizon / 2
        assert each.config.run.max_minutes == 0
    assert {each.config.seed for each in planned} == {0, 1}
    assert {name for pair in one.pairs for name in pair} <= set(one.variants)


def test_a_curve_keeps_where_a_run_came_to_and_its_mean_rates():
    rows = [
        {
            "control_steps": 100 * i,
            "wall_minutes": 0.1 * i,
            "goal_distance": 1.0 + i,
            "goals_per_minute": float(i),
            "drops_per_minute": 2.0,
        }
        for i in range(1, 81)
    ]
    curve = record_lib.curve(rows)
    assert len(curve) == 40
    assert curve[-1] == rows[-1] | {"goals_per_minute": 79.5}
    assert record_lib.curve(rows[:3]) == rows[:3]


def test_a_job_that_fails_says_why(tmp_path):
    job = launch.Job("bad-0", ["--config.num_envs=0"], tmp_path / "logs" / "bad-0.log")
    with pytest.raises(UserError, match=r"bad-0 failed: train: .*num_envs.*bad-0\.log"):
        launch.train_all([job], 1)
    with pytest.raises(UserError, match="--parallel=4096: there are"):
        launch.train_all([job], 4096)


def start(name, workdir):
    return subprocess.Popen(
        [sys.executable, "-m", f"experiments.{name}", "--smoke", f"--workdir={workdir}"],
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finished(name, workdir):
    """Runs a study with --smoke to its end and returns its record."""
    process = start(name, workdir)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return json.loads((workdir / f"{name}.json").read_text())


@pytest.mark.slow
def test_the_memory_study_smokes(tmp_path):
    record = finished("memory", tmp_path)
    assert [*record["variants"]] == ["lstm-all", "lstm_value-all"]
    assert record["command"].startswith("python -m experiments.memory --smoke")
    (probed,) = record["probe"]["runs"]
    kept = json.loads((tmp_path / "runs" / "lstm-all-0" / "probe.json").read_text())
    assert kept["result"] == probed
    assert 0.2 < probed["memory"]["size"]["accuracy"][0] < 0.8
    assert (tmp_path / "memory_probe.png").stat().st_size > 10_000


def test_what_was_measured_is_kept_and_only_that(tmp_path):
    file, made = tmp_path / "probe.json", []

    def measure():
        made.append(len(made))
        return {"value": len(made)}

    for measured_on, value in (({"trials": 3}, 1), ({"trials": 3}, 1), ({"trials": 4}, 2)):
        assert measurement.measured_once(file, measured_on, measure) == {"value": value}
    assert made == [0, 1]


@pytest.mark.slow
@pytest.mark.parametrize("program", [ablations, variants])
def test_other_studies_smoke_but_for_training(program, already_trained, tmp_path):
    assert program.main(["--smoke", f"--workdir={tmp_path}", "--engine=native"]) == 0
    record = json.loads((tmp_path / f"{program.STUDY.name}.json").read_text())
    assert [*record["variants"]] == [*program.STUDY.variants][:2]
    assert len(record["pairs"]) == 1


@pytest.mark.slow
def test_a_study_that_was_stopped_goes_on(tmp_path):
    first = start("scale", tmp_path)
    run = WorkDirectory(tmp_path / "runs" / "256-0")
    while not run.config_file.is_file():
        assert first.poll() is None, first.communicate()[0]
        time.sleep(0.05)
    first.send_signal(signal.SIGTERM)
    output, _ = first.communicate(timeout=120)
    assert first.returncode == 0 and "run the same command to continue" in output
    assert not (tmp_path / "scale.json").exists()
    origin = run.origin_file.read_text()
    record = finished("scale", tmp_path)
    assert [len(v["runs"]) for v in record["variants"].values()] == [1, 1]
    assert run.origin_file.read_text() == origin
