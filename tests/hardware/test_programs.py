import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hardware import actions, goals, replay, run_trials, verify
from hardware.session import Bench
from tests.hardware.fake_hand import FakeHand

ROOT = Path(__file__).parents[2]
OF_THE_TRAINING = {
    "export",
    "export_eyes",
    "identification",
    "simulated_cameras",
    "simulated_hand",
}
NOT_THERE = {"jax", "jaxlib", "flax", "mujoco", "dactyl_jax", "experiments"}
ON_THE_HOST = sorted(
    file.stem
    for file in ROOT.glob("hardware/*.py")
    if file.stem not in {*OF_THE_TRAINING, "__init__", "ros"}
)


def test_nothing_for_the_robot_host_imports_the_training(tmp_path):
    imports = "".join(f"import hardware.{name}\n" for name in ON_THE_HOST)
    check = (
        "import sys\n"
        "found = {name.split('.')[0] for name in sys.modules}\n"
        f"assert not found & {NOT_THERE}, found"
    )
    subprocess.run([sys.executable, "-c", imports + check], cwd=str(ROOT), check=True, timeout=600)


def test_only_programs_of_the_training_machine_import_the_training():
    """Of all modules, also of `ros`, which cannot be imported everywhere."""
    importing = set()
    for file in ROOT.glob("hardware/*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            if {name.split(".")[0] for name in names} & NOT_THERE:
                importing.add(file.stem)
    assert importing == OF_THE_TRAINING


@pytest.mark.parametrize("program", [verify, run_trials, replay])
def test_help(program, capsys):
    with pytest.raises(SystemExit) as ended:
        program.main(["--help"])
    assert ended.value.code == 0
    assert "python -m hardware." in capsys.readouterr().out


@pytest.mark.slow
def test_trials_on_a_simulated_hand_in_process(folder, tmp_path, capsys):
    """The whole program, as a user starts it on the training machine."""
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
@pytest.mark.parametrize("renderer", ["warp", "gl"])
def test_trials_by_sight_in_process(renderer, folder, tmp_path, capsys):
    """With a pose network that knows nothing, so that all it says must be believed."""
    pytest.importorskip("mujoco")
    pytest.importorskip("mcap")
    from hardware import log

    path = tmp_path / "trials.mcap"
    flags = ["--pose=vision", "--trials=1", "--goals=near", "--goal_timeout_s=2", f"--log={path}"]
    flags += [f"--renderer={renderer}", "--look=3", "--largest_doubt=9"]
    done = run_trials.main([f"--bundle={folder}", "--robot=simulated", *flags])
    captured = capsys.readouterr()
    if "there is no OpenGL here" in captured.err:
        pytest.skip("no OpenGL")
    assert done == 0
    assert "trial 1: " in captured.out and "poses seen in pictures; median" in captured.out
    rows = list(log.read(str(path)))
    estimates = [row for topic, _, row in rows if topic == "/estimate"]
    steps = [row for topic, _, row in rows if topic == "/step"]
    (result,) = [row for topic, _, row in rows if topic == "/result"]
    assert result["end"] in ("drop", "time-out", "stuck") and len(steps) == result["steps"]
    # The first picture is there at once, the others come a control step late.
    assert np.allclose(np.diff([row["stamp"] for row in estimates]), 0.08)
    seen = [estimates[max(i - 1, 0)]["position"] for i in range(len(steps))]
    np.testing.assert_array_equal([row["position"] for row in steps], seen)
    assert np.ptp(seen, axis=0).max() > 1e-5


def test_an_interrupted_first_trial_leaves_a_whole_log(contents, folder, tmp_path, monkeypatch):
    pytest.importorskip("mcap")
    from hardware import log

    hand = FakeHand(contents)

    def interrupt():
        if hand.now() > 101.0:
            raise KeyboardInterrupt

    hand.on_step = interrupt
    lab = Bench(lambda trial: None, lambda trial: None)
    monkeypatch.setattr(run_trials, "_ros", lambda contents, flags: (hand, lab))
    path = tmp_path / "trials.mcap"
    flags = [f"--bundle={folder}", "--robot=ros", f"--log={path}"]
    assert run_trials.main(flags) == 130
    assert path.read_bytes().endswith(b"MCAP0\r\n")  # as finished files do
    assert len([topic for topic, _, _ in log.read(str(path)) if topic == "/command"]) > 5


@pytest.mark.parametrize(("robot", "trials"), [("ros", 2), ("simulated", 4)])
def test_a_hand_that_a_fault_held_moves_no_more(robot, trials, contents, folder, monkeypatch):
    """In simulation, where nobody stands beside it, the next trial begins anew."""
    hand = FakeHand(contents)
    lab = Bench(lambda trial: goals.draw("near", 0.5, 0, trial), lambda trial: fail)
    begun = []

    def fail(logits):
        if hand.now() > begun[-1] + 2.5 and len(begun) == 2:
            hand.wait_until(hand.now() + 0.3)
        return actions.most_probable(logits)

    def set_up(session, trial):
        begun.append(hand.now())
        return Bench.set_up(lab, session, trial)

    lab.set_up = set_up
    monkeypatch.setattr(run_trials, f"_{robot}", lambda contents, flags: (hand, lab))
    flags = [f"--bundle={folder}", f"--robot={robot}", "--trials=4", "--goal_timeout_s=2"]
    assert run_trials.main(flags) == 0 and len(begun) == trials


BUNDLE = "--bundle=tests/hardware/bundle"
ROS = (BUNDLE, "--robot=ros")
VISION = ("--pose=vision", "--camera_topics=/a,/b,/c")


def test_a_bundle_without_eyes_cannot_see(blind, capsys):
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
        (run_trials, [BUNDLE, "--robot=ros", "--trials=0"], "'0' must be a whole number from 1 on"),
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
        (run_trials, [*ROS, *VISION, "--tracker_mount=m"], "goes with a tracker, and none is used"),
        (
            run_trials,
            [*ROS, *VISION, "--fingertips=markers", "--tracker_mount=no.json"],
            "No such file",
        ),
        (run_trials, [*ROS, *VISION, "--look=3"], "--look goes with --robot=simulated"),
        (run_trials, [*ROS, *VISION, "--largest_doubt=0"], "must be a number greater than 0"),
        (run_trials, [*ROS, "--rig=r.json"], "--rig goes with --pose=vision; add it"),
        (run_trials, [BUNDLE, "--robot=simulated", "--renderer=gl"], "goes with --pose=vision"),
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
