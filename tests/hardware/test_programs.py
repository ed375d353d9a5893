import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from hardware import replay, run_trials, verify
from hardware.base import cli
from hardware.base.errors import UserError
from hardware.policy import actions
from hardware.policy.actions import MostProbable
from hardware.robots.ros import topics
from hardware.sight.camera_tracker import LOOK_PERIOD
from hardware.sight.mount import AT_FOREARM
from hardware.trials import verification
from hardware.trials.bench import Bench
from hardware.trials.goals import RandomGoals
from hardware.trials.session import Session
from tests.hardware.fake_hand import Chooses, FakeHand

ROOT = Path(__file__).parents[2]
TRAINING = {"jax", "jaxlib", "flax", "dactyl_jax", "experiments"}
MODULES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts)
    for file in ROOT.glob("hardware/**/*.py")
    if file.stem != "__init__"
}
OVER_ROS = {name for name in MODULES if ".ros" in name and not name.endswith(".topics")}
SIMULATING = {
    *(name for name in MODULES if name.startswith("hardware.simulation.")),
    *("hardware.calibration.identification", "hardware.simulated_hand"),
}
ON_THE_HOST = MODULES - SIMULATING - {"hardware.export"}


def _import(names, but):
    """Imports modules of hardware/ in a new process and checks which others that imports."""
    imports = "".join(f"import {name}\n" for name in sorted(names - OVER_ROS))
    check = (
        "import sys\n"
        "found = {name.split('.')[0] for name in sys.modules}\n"
        f"assert not found & {but}, found & {but}"
    )
    subprocess.run([sys.executable, "-c", imports + check], cwd=str(ROOT), check=True, timeout=600)


def test_nothing_for_the_robot_host_imports_the_training_or_mujoco():
    assert len(ON_THE_HOST - OVER_ROS) > 30
    _import(ON_THE_HOST, but={*TRAINING, "mujoco"})


def test_the_simulated_hand_needs_mujoco_and_no_training():
    pytest.importorskip("mujoco")
    _import(SIMULATING, but=TRAINING)


def test_what_roslaunch_adds_and_paths_at_home(folder, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(Path(folder).parent))
    home = f"~/{Path(folder).name}"
    added = ["__name:=verify", "__log:=/tmp/verify.log", "/joint_states:=/rh/joint_states"]
    parser = cli.Parser("test", "")
    parser.add_argument("--bundle")
    seen = []
    assert cli.run(seen.append, parser, [f"--bundle={home}", *added]) == 0
    assert seen[0].bundle == str(folder)
    assert cli.run(seen.append, parser, ["--bundle="]) == 2
    assert "--bundle is empty" in capsys.readouterr().err


def test_the_manuals_launch_file_starts_the_program(folder, monkeypatch, capsys):
    """With the arguments that roslaunch makes of it, as far as it goes without ROS."""
    manual = (ROOT / "docs" / "robot.md").read_text(encoding="utf-8")
    launch = ElementTree.fromstring(re.search(r"<launch>.*</launch>", manual, re.S).group())
    (node,) = launch
    assert node.get("name") == topics.NODE
    assert f"hardware.{node.get('type')}" in manual
    args = node.get("args").replace("--bundle=bundle", f"--bundle={folder}").split()
    args += [f"{remap.get('from')}:={remap.get('to')}" for remap in node]
    args += [f"__name:={node.get('name')}", "__log:=/tmp/run_trials.log"]

    def no_ros(contents, flags):
        raise UserError(f"reached with {flags.goals} and {flags.stop_topic}")

    monkeypatch.setattr(run_trials, "_ros", no_ros)
    monkeypatch.setattr(verification, "in_its_own_process", lambda *_, **__: "")
    assert run_trials.main(args) == 2
    assert "reached with near and /stop" in capsys.readouterr().err


def test_no_standard_input_is_a_terminal_that_says_nothing(contents, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", None)  # Python's value for a closed stdin
    Session(contents, FakeHand(contents), AT_FOREARM, None).stop_on_enter()
    assert replay.main(["log.mcap", "--step"]) == 2
    assert "--step waits for Enter" in capsys.readouterr().err


@pytest.mark.parametrize("program", [verify, run_trials, replay])
def test_help(program, capsys):
    with pytest.raises(SystemExit) as ended:
        program.main(["--help"])
    assert ended.value.code == 0
    assert "python -m hardware." in capsys.readouterr().out


@pytest.mark.slow
def test_trials_on_a_simulated_hand_in_process(folder, tmp_path, capsys):
    """Runs the whole program as a user would on the training machine."""
    pytest.importorskip("mujoco")
    pytest.importorskip("mcap")
    log = tmp_path / "trials.mcap"
    flags = ["--trials=2", "--goals=near", "--goal_timeout_s=2", "--seed=4", f"--log={log}"]
    assert run_trials.main([f"--bundle={folder}", "--robot=simulated", *flags]) == 0
    output = capsys.readouterr().out
    assert "trial 2: " in output and "| goals in a row, mean |" in output
    assert (tmp_path / "trials.svg").read_text().count("<rect") == 2
    assert replay.main([str(log), f"--bundle={folder}"]) == 0
    assert "trial 2  ends: " in capsys.readouterr().out


@pytest.mark.slow
def test_trials_by_sight_in_process(folder, tmp_path, capsys):
    """The pose network is random, so the test accepts every estimate."""
    pytest.importorskip("mujoco")
    pytest.importorskip("mcap")
    from hardware.trials import log

    path = tmp_path / "trials.mcap"
    flags = ["--pose=vision", "--trials=1", "--goals=near", "--goal_timeout_s=2", f"--log={path}"]
    flags += ["--largest_doubt=9", "--largest_misfit=1e9"]
    done = run_trials.main([f"--bundle={folder}", "--robot=simulated", *flags])
    captured = capsys.readouterr()
    if "there is no OpenGL here" in captured.err:
        pytest.skip("no OpenGL")
    assert done == 0
    assert "trial 1: " in captured.out and "poses estimated from pictures; median" in captured.out
    rows = list(log.read(str(path)))
    estimates = [row for topic, _, row in rows if topic == "/estimate"]
    steps = [(time, row) for topic, time, row in rows if topic == "/step"]
    (result,) = [row for topic, _, row in rows if topic == "/result"]
    assert result["end"] in ("drop", "time-out", "stuck") and len(steps) == result["steps"]
    assert np.allclose(np.diff([row["stamp"] for row in estimates]), 0.04)
    # Pictures arrive a control step late, and their poses may wait for the next step.
    stamps = {tuple(row["position"]): row["stamp"] for row in estimates}
    ages = [time - stamps[tuple(row["position"])] for time, row in steps]
    assert min(ages) > 0.08 - 1e-6 and max(ages) < 0.12 + LOOK_PERIOD + 1e-6
    assert np.ptp([row["position"] for _, row in steps], axis=0).max() > 1e-5


def test_an_interrupted_first_trial_leaves_a_whole_log(contents, folder, tmp_path, monkeypatch):
    pytest.importorskip("mcap")
    from hardware.trials import log

    hand = FakeHand(contents)

    def interrupt():
        if hand.now() > 101.0:
            raise KeyboardInterrupt

    hand.on_step = interrupt
    lab = Bench(RandomGoals("near", 0.5, seed=0), MostProbable())
    monkeypatch.setattr(run_trials, "_ros", lambda contents, flags: hand)
    monkeypatch.setattr(run_trials, "_bench", lambda contents, flags: lab)
    path = tmp_path / "trials.mcap"
    flags = [f"--bundle={folder}", "--robot=ros", f"--log={path}"]
    assert run_trials.main(flags) == 130
    assert path.read_bytes().endswith(b"MCAP0\r\n")  # the footer of a finished file
    assert len([topic for topic, _, _ in log.read(str(path)) if topic == "/command"]) > 5


@pytest.mark.parametrize(("robot", "trials"), [("ros", 2), ("simulated", 4)])
def test_a_hand_that_a_fault_held_moves_no_more(
    robot, trials, contents, folder, monkeypatch, capsys
):
    """On a real hand the program ends; in simulation the next trial begins."""
    if robot == "simulated":
        pytest.importorskip("mujoco")
    hand = FakeHand(contents)
    begun = []

    def fail(logits):
        if hand.now() > begun[-1] + 2.5 and len(begun) == 2:
            hand.wait_until(hand.now() + 0.3)
        return actions.most_probable(logits)

    lab = Bench(RandomGoals("near", 0.5, seed=0), Chooses(fail))

    def set_up(session, trial):
        begun.append(hand.now())
        return Bench.set_up(lab, session, trial)

    lab.set_up = set_up
    monkeypatch.setattr(run_trials, f"_{robot}", lambda contents, flags: hand)
    monkeypatch.setattr(run_trials, "_bench", lambda contents, flags: lab)
    flags = [f"--bundle={folder}", f"--robot={robot}", "--trials=4", "--goal_timeout_s=2"]
    assert run_trials.main(flags) == 1 and len(begun) == trials
    error = capsys.readouterr().err
    assert "run_trials: the hand is held: the controller has been silent" in error
    assert len(error.splitlines()) == 1


BUNDLE = "--bundle=tests/hardware/bundle"
ROS = (BUNDLE, "--robot=ros")
VISION = ("--pose=vision", "--camera_topics=/a,/b,/c")


def test_a_bundle_without_a_pose_network_cannot_see(blind, capsys):
    for robot in ("ros", "simulated"):
        flags = [f"--bundle={blind}", f"--robot={robot}", *VISION[: 2 if robot == "ros" else 1]]
        assert run_trials.main(flags) == 2
        captured = capsys.readouterr()
        assert captured.out == "" and len(captured.err.splitlines()) == 1
        assert "the bundle 'bundle' has no pose network; export it with" in captured.err


@pytest.mark.parametrize(
    ("program", "arguments", "message"),
    [
        (verify, [], "the following arguments are required: bundle"),
        (verify, ["nowhere"], "'nowhere' has no SHA256SUMS; name a folder of hardware.export"),
        (verify, ["a", "b"], "unrecognized arguments: b"),
        (run_trials, ["--robot=ros"], "--bundle"),
        (run_trials, [BUNDLE, "--robot=real"], "invalid choice: 'real'"),
        (run_trials, [BUNDLE, "--robot=ros", "--trials=0"], "'0' must be a whole number, 1"),
        (run_trials, [BUNDLE, "--robot=ros", "--goal_timeout_s=nan"], "must be a number greater"),
        (run_trials, [BUNDLE, "--robot=ros", "--log=x.bag"], "'x.bag' must end in .mcap"),
        (run_trials, [BUNDLE, "--robot=ros", "--log=no/x.mcap"], "the folder of 'no/x.mcap'"),
        (run_trials, [BUNDLE, "--robot=ros", "--tracker_mount=no.json"], "No such file"),
        (run_trials, [BUNDLE, "--robot=simulated", "--tracker_mount=m"], "goes with --robot=ros"),
        (run_trials, [*ROS, "--pose=vision"], "needs three cameras; add --camera_topics=A,B,C"),
        (
            run_trials,
            [*ROS, "--pose=vision", "--camera_topics=/a,/a,/b"],
            "names 2 topics; it must",
        ),
        (run_trials, [*ROS, "--pose=vision", "--camera_topics=/a,/b"], "fingers, thumb, little"),
        (run_trials, [*ROS, *VISION, "--rig=no.json"], "No such file"),
        (run_trials, [*ROS, *VISION, "--rig=pyproject.toml"], "--rig: 'pyproject.toml' is no cal"),
        (run_trials, [*ROS, *VISION, "--tracker_mount=m"], "goes with a tracker, but none is used"),
        (
            run_trials,
            [*ROS, *VISION, "--fingertips=markers", "--tracker_mount=no.json"],
            "No such file",
        ),
        (run_trials, [*ROS, *VISION, "--largest_doubt=0"], "must be a number greater than 0"),
        (run_trials, [*ROS, "--rig=r.json"], "--rig goes with --pose=vision; add it"),
        (run_trials, [BUNDLE, "--robot=simulated", *VISION], "--camera_topics goes with --robot="),
        (replay, ["nowhere.mcap"], "No such file or directory: nowhere.mcap"),
    ],
)
def test_mistakes_are_answered_in_one_line(program, arguments, message, capsys, monkeypatch):
    if program is replay:
        pytest.importorskip("mcap")
    monkeypatch.chdir(ROOT)
    assert program.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and len(captured.err.splitlines()) == 1
    assert captured.err.startswith(program.__name__.rpartition(".")[2] + ": ")
    assert message in captured.err
