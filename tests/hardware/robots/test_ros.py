"""Runs the deployed program and the simulated hand as separate processes on a real ROS master.

Needs Debian's packages of ROS 1 (see docs/robot.md) and the Python that they are built for.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import xmlrpc.client
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mujoco")

from hardware.bundle import store
from tests.hardware.conftest import write_changed

ROOT = Path(__file__).parents[3]
DEBIAN = "/usr/lib/python3/dist-packages"
HAS_ROS = (
    shutil.which("rosmaster") is not None
    and Path(DEBIAN, "rospy").is_dir()
    and subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.append({DEBIAN!r}); import netifaces, rospy"],
        capture_output=True,
    ).returncode
    == 0
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not HAS_ROS, reason="ROS 1 is not installed for this Python"),
]
DEPLOYED = os.environ.get("ROBOT_HOST_PYTHON", sys.executable)  # the robot host's Python
# Debian's packages come last: its numpy must not stand in for ours.
_RUN = (
    f"import runpy, sys; sys.path.append({DEBIAN!r}); sys.argv = sys.argv[1:];"
    "runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"
)
_WIRE = f"""
import json, sys, time
sys.path.append({DEBIAN!r})
import rospy
from std_msgs.msg import Float64
rows = []
rospy.init_node("wire", disable_signals=True)
for i, topic in enumerate(json.loads(sys.argv[1])):
    rospy.Subscriber(topic, Float64, lambda m, i=i: rows.append((rospy.get_time(), i, m.data)))
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps(rows))
"""
# A fake controller manager, with only the parts of its messages that are needed.
_MANAGER_MESSAGES = """
from genpy.dynamic import generate_dynamic
from std_srvs.srv import EmptyRequest

NAME = "controller_manager_msgs/ListControllersResponse"
STATE = "MSG: controller_manager_msgs/ControllerState\\nstring name\\nstring state\\n"
MADE = generate_dynamic(NAME, "ControllerState[] controller\\n" + 80 * "=" + "\\n" + STATE)
ControllerState = MADE["controller_manager_msgs/ControllerState"]


class ListControllers:
    _type = "controller_manager_msgs/ListControllers"
    _md5sum = 32 * "0"
    _request_class, _response_class = EmptyRequest, MADE[NAME]
"""
_MANAGER = f"""
import json, sys, time
sys.path.append({DEBIAN!r})
import rospy
from controller_manager_msgs import srv
states = [srv.ControllerState(*pair) for pair in json.loads(sys.argv[1]).items()]
rospy.init_node("controller_manager", disable_signals=True)
name = "/controller_manager/list_controllers"
answer = srv.ListControllers._response_class(states)
rospy.Service(name, srv.ListControllers, lambda request: answer)
print("ready", flush=True)
time.sleep(3600)
"""
_RIVAL = f"""
import sys, time
sys.path.append({DEBIAN!r})
import rospy
from std_msgs.msg import Float64
rospy.init_node("rival", disable_signals=True)
publisher = rospy.Publisher(sys.argv[1], Float64, queue_size=1)
print("ready", flush=True)
time.sleep(3600)
"""
PATIENCE = 600.0  # s, for a busy machine
FACTOR = 0.2  # of real time, slow enough for a busy machine to satisfy the guard


class Ros:
    """A ROS master, and programs that use it."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("localhost", 0))
            port = free.getsockname()[1]
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("ROS")},
            "ROS_MASTER_URI": f"http://localhost:{port}",
            "ROS_HOSTNAME": "localhost",
            "ROS_HOME": str(folder),
        }
        self.running = []
        self.start("rosmaster", "--core", "-p", str(port), stdout=subprocess.DEVNULL)
        until = time.monotonic() + PATIENCE
        while socket.socket().connect_ex(("localhost", port)):
            assert time.monotonic() < until
            time.sleep(0.1)

    def start(self, *command, **options):
        process = subprocess.Popen(
            command, env=self.environment, cwd=str(ROOT), text=True, **options
        )
        self.running.append(process)
        return process

    def hand(self, folder, *flags):
        """Starts a simulated hand and waits until it is ready."""
        process = self.start(
            *(sys.executable, "-c", _RUN, "hardware.simulated_hand", f"--bundle={folder}"),
            *flags,
            stdout=subprocess.PIPE,
        )
        assert process.stdout.readline() == "simulated hand: ready\n"
        return process

    def trials(self, folder, *flags):
        """Runs the deployed program; returns its exit status, output and errors."""
        return self.program("run_trials", folder, *flags)

    def program(self, name, folder, *flags):
        """Runs any program that drives a hand, like `trials`."""
        command = (DEPLOYED, "-c", _RUN, f"hardware.{name}", "--robot=ros")
        return subprocess.run(
            [*command, f"--bundle={folder}", *flags],
            **{"env": self.environment, "cwd": str(ROOT), "text": True, "timeout": PATIENCE},
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )

    def close(self):
        for process in reversed(self.running):
            process.kill()
            process.wait()


@pytest.fixture
def ros(tmp_path):
    result = Ros(tmp_path)
    yield result
    result.close()


def test_what_is_not_as_it_must_be_is_refused(ros, folder):
    listen = (
        f"import sys, time; sys.path.append({DEBIAN!r}); import rospy\n"
        "from std_msgs.msg import Float64\n"
        "rospy.init_node('listener', disable_signals=True)\n"
        "rospy.Subscriber(sys.argv[1], Float64, print)\n"
        "print('ready', flush=True); time.sleep(3600)"
    )

    def refusal(*flags):
        done = ros.trials(folder, *flags)
        assert done.returncode == 2 and done.stdout == "" and len(done.stderr.splitlines()) == 1
        return done.stderr

    def other(program, topic):
        process = ros.start(sys.executable, "-c", program, topic, stdout=subprocess.PIPE)
        assert process.stdout.readline() == "ready\n"
        return process

    nobody = "the position controller sh_rh_wrj2_position_controller does not run"
    assert nobody in refusal()
    topic = "/sh_rh_ffj0_position_controller/command"
    rival = other(_RIVAL, topic)
    assert f"/rival also commands the hand on {topic}" in refusal()
    elsewhere = "/sh_rh_mfj0_position_controller/command"
    assert nobody in refusal(f"{topic}:=/elsewhere")  # as a launch file's remappings come
    assert f"hand on {topic}" in refusal(f"{elsewhere}:={topic}", f"{topic}:=/elsewhere")
    assert "this node must be called /dactyl_jax, not /other" in refusal("__name:=other")
    rival.kill()
    rival.wait()  # the master still lists the rival, but it does not answer
    assert nobody in refusal()
    other(listen, "/rh_trajectory_controller/command")
    assert "the trajectory controller rh_trajectory_controller runs" in refusal()
    ros.environment["ROS_MASTER_URI"] = "http://localhost:1"
    assert "there is no ROS master at http://localhost:1" in refusal()


def test_a_controller_manager_is_believed(ros, folder, tmp_path):
    """Controllers that the manager stopped may still be subscribed."""
    package = tmp_path / "controller_manager_msgs"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "srv.py").write_text(_MANAGER_MESSAGES)
    ros.environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), str(ROOT)])
    ros.hand(folder, f"--realtime_factor={FACTOR}")
    stopped = "sh_rh_thj5_position_controller"
    states = {
        f"sh_rh_{name[5:].lower()}_position_controller": "running"
        for name in store.load(str(folder)).actuators
    }
    states |= {"rh_trajectory_controller": "stopped", stopped: "stopped"}
    command = (sys.executable, "-c", _MANAGER, json.dumps(states))
    manager = ros.start(*command, stdout=subprocess.PIPE)
    assert manager.stdout.readline() == "ready\n"
    done = ros.trials(folder)
    assert done.returncode == 2
    assert f"the position controller {stopped} does not run" in done.stderr


def test_another_hand_is_refused(ros, folder):
    """Hands with narrower limits, with other joint names, and without a URDF."""
    ros.hand(folder, f"--realtime_factor={FACTOR}")
    master = xmlrpc.client.ServerProxy(ros.environment["ROS_MASTER_URI"])
    _, _, described = master.getParam("/test", "/robot_description")
    (high,) = {
        joint["high"]
        for joint in store.load(str(folder)).contract["joints"]
        if joint["name"] == "rh_WRJ1"
    }
    narrow = described.replace(f'upper="{high!r}"', f'upper="{high - 0.1!r}"')
    assert narrow != described
    for description, reason in (
        (narrow, "the bundle may command rh_A_WRJ1 from "),
        (described.replace("rh_FFJ4", "lh_FFJ4"), "/robot_description has no limits for rh_FFJ4"),
        ("<robot", "/robot_description is not a URDF"),
    ):
        master.setParam("/test", "/robot_description", description)
        done = ros.trials(folder)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
        assert reason in done.stderr
    master.setParam("/test", "/robot_description", described)
    for flag in ("--pose_topic=/elsewhere", "--pose_topic=/fingertips"):
        done = ros.trials(folder, flag)
        assert done.returncode == 2
        assert f"nobody publishes geometry_msgs/PoseStamped on {flag[13:]};" in done.stderr


def test_a_clock_that_stands_still_ends_the_program(ros, folder):
    hand = ros.hand(folder, f"--realtime_factor={FACTOR}")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = (DEPLOYED, "-c", _RUN, "hardware.run_trials", "--robot=ros")
    flags = (f"--bundle={folder}", "--goals=near", "--goal_timeout_s=1")
    program = ros.start(*command, *flags, stdin=subprocess.DEVNULL, **pipes)
    assert program.stdout.readline()
    hand.kill()
    error = program.communicate(timeout=PATIENCE)[1]
    assert program.returncode == 2 and "the ROS clock stands still" in error


def waiting(ros, folder):
    """Starts a program that waits for an object that the tracker does not see."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = (DEPLOYED, "-c", _RUN, "hardware.run_trials", "--robot=ros")
    program = ros.start(*command, f"--bundle={folder}", stdin=subprocess.DEVNULL, **pipes)
    assert "no pose of it is newer" in program.stdout.readline()
    return program


def test_one_program_drives_the_hand_and_only_while_it_can_be_stopped(ros, folder):
    ros.hand(folder, "--dropout=1", f"--realtime_factor={FACTOR}")
    program = waiting(ros, folder)
    second = ros.trials(folder)
    assert second.returncode == 2 and "another program runs as /dactyl_jax" in second.stderr
    topic = "/sh_rh_ffj0_position_controller/command"
    rival = ros.start(sys.executable, "-c", _RIVAL, topic, stdout=subprocess.PIPE)
    assert rival.stdout.readline() == "ready\n"
    error = program.communicate(timeout=PATIENCE)[1]
    assert program.returncode == 1 and len(error.splitlines()) == 1
    assert f"the hand is held: /rival also commands the hand on {topic}" in error
    rival.kill()
    rival.wait()
    program = waiting(ros, folder)
    master = ros.running[0]
    master.kill()
    master.wait()
    error = program.communicate(timeout=PATIENCE)[1]
    assert program.returncode == 1 and "Traceback" not in error
    assert "the hand is held: the ROS master does not answer" in error


def test_the_service_stops_for_good(ros, folder):
    """The service also works while the program waits for an object."""
    ros.hand(folder, "--dropout=1", f"--realtime_factor={FACTOR}")
    command = (DEPLOYED, "-c", _RUN, "hardware.run_trials", "--robot=ros")
    program = ros.start(
        *command,
        f"--bundle={folder}",
        "--goals=near",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert "no pose of it is newer than 0.3 s" in program.stdout.readline()
    call = (
        f"import sys; sys.path.append({DEBIAN!r}); import rospy\n"
        "from std_srvs.srv import Trigger\n"
        "rospy.init_node('stopper', disable_signals=True)\n"
        "rospy.wait_for_service('/dactyl_jax/stop')\n"
        "print(rospy.ServiceProxy('/dactyl_jax/stop', Trigger)())"
    )
    assert "success: True" in subprocess.check_output(
        [sys.executable, "-c", call], env=ros.environment, text=True, timeout=PATIENCE
    )
    output = program.communicate(timeout=PATIENCE)[0]
    assert program.returncode == 0
    assert "goals, stop (stopped by the service /dactyl_jax/stop)" in output
    assert "trial 2" not in output


def check_trials(ros, folder, tmp_path, *flags):
    """Runs trials while a node records the commands; returns the program's output."""
    pytest.importorskip("mcap")
    from hardware.trials import log

    contents = store.load(str(folder))
    ros.hand(folder, f"--realtime_factor={FACTOR}")
    topics = [
        f"/sh_rh_{name[5:].lower()}_position_controller/command" for name in contents.actuators
    ]
    wire = ros.start(
        *(sys.executable, "-c", _WIRE, json.dumps(topics)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert wire.stdout.readline() == "ready\n"
    path = tmp_path / "trials.mcap"
    done = ros.trials(folder, f"--log={path}", *flags)
    rows = json.loads(wire.communicate("\n", timeout=PATIENCE)[0])
    print(done.stdout[-3000:], done.stderr[-3000:])
    assert done.returncode == 0 and "limited:" not in done.stdout

    sent = np.array(
        [row["targets"] for topic, _, row in log.read(str(path)) if topic == "/command"]
    )
    low, high = contents.limits.T
    for index in range(20):
        times, values = np.array([(t, value) for t, i, value in rows if i == index]).T
        missed = len(sent) - len(values)  # before the recording began
        assert 0 <= missed <= 5
        np.testing.assert_array_equal(values, sent[missed:, index])
        assert low[index] - 2e-6 <= values.min() and values.max() <= high[index] + 2e-6
        reach = contents.max_rates[index] * contents.control_dt
        assert np.abs(np.diff(values)).max() <= reach + 1e-9
        assert np.median(np.diff(times)) == pytest.approx(contents.control_dt, abs=0.016)
    return done.stdout


def test_a_policy_that_knows_nothing_over_the_wire(ros, folder, tmp_path):
    output = check_trials(ros, folder, tmp_path, "--trials=1", "--goals=near", "--goal_timeout_s=4")
    assert "trial 1: " in output and "control steps; median, p99, max: late" in output
    assert (tmp_path / "trials.svg").is_file()


CAMERAS = "--camera_topics=/cameras/fingers,/cameras/thumb,/cameras/little"


def test_a_policy_that_knows_nothing_sees_over_the_wire(ros, folder, tmp_path):
    """Uses rendered pictures; the network is random, so the test accepts every estimate."""
    pytest.importorskip("mcap")
    from hardware.trials import log

    missing = ros.trials(folder, "--pose=vision", CAMERAS)
    assert missing.returncode == 2 and "position controller" in missing.stderr
    hand = ros.hand(folder, "--cameras", f"--realtime_factor={FACTOR}")
    elsewhere = CAMERAS.replace("thumb", "finger")
    missing = ros.trials(folder, "--pose=vision", elsewhere)
    assert (
        missing.returncode == 2 and "no message arrived on /cameras/finger in 5 s" in missing.stderr
    )
    path = tmp_path / "trials.mcap"
    flags = (
        "--trials=1",
        "--goals=near",
        "--goal_timeout_s=3",
        "--largest_doubt=9",
        "--largest_misfit=1e9",
    )
    done = ros.trials(folder, "--pose=vision", CAMERAS, *flags, f"--log={path}")
    print(done.stdout[-3000:], done.stderr[-3000:])
    assert done.returncode == 0 and "poses estimated from pictures; median" in done.stdout
    rows = list(log.read(str(path)))
    estimates = [row for topic, _, row in rows if topic == "/estimate"]
    poses = [row for topic, _, row in rows if topic == "/pose"]
    (result,) = [row for topic, _, row in rows if topic == "/result"]
    assert result["end"] in ("drop", "time-out", "stuck") and result["steps"] > 5
    assert len(poses) == len(estimates) > 20  # the tracker's poses are ignored
    gaps = np.diff([row["stamp"] for row in estimates])
    assert gaps.min() > 0.07 and np.median(gaps) < 0.2
    hand.kill()


def test_a_pretrained_policy_reaches_near_goals_over_the_wire(ros, trained, tmp_path):
    few = {"max_goals": 4}
    write_changed(trained, tmp_path / "bundle", lambda contract: contract["task"].update(few))
    flags = ("--trials=1", "--goals=near", "--goal_timeout_s=8", "--greedy")
    output = check_trials(ros, tmp_path / "bundle", tmp_path, *flags)
    assert "goal 2 reached" in output


def test_a_calibration_over_the_wire(ros, folder, tmp_path):
    """The hand moves like the fit's initial model, except for the delays of ROS."""
    pytest.importorskip("mcap")
    from hardware.bundle import model_patch
    from hardware.calibration import identification

    contents, planted, log = store.load(str(folder)), tmp_path / "hand.json", tmp_path / "h.mcap"
    actuators = {
        name: {"backlash_down": down, "backlash_up": up}
        for name, (down, up) in zip(contents.actuators, contents.backlash.tolist(), strict=True)
    }
    planted.write_text(model_patch.pack(model_patch.Patch(actuators=actuators), {}))
    ros.hand(folder, "--without_object", f"--model_patch={planted}", f"--realtime_factor={FACTOR}")
    flags = ("--digits=WR", "--fingertips_topic=/fingertips", f"--log={log}")
    done = ros.program("calibrate", folder, *flags)
    assert done.returncode == 0 and "the motion of WR" in done.stdout, done.stderr

    recording = identification.read(str(log), contents)
    assert [motion.actuator for motion in recording.motions] == ["rh_A_WRJ2", "rh_A_WRJ1"]
    np.testing.assert_allclose(identification.fit_offsets(recording, contents), 0, atol=0.002)
    fit = identification.Fit(contents, recording, np.zeros(24))
    print(fit.errors)
    assert max(fit.errors["rh_A_WRJ2"] + fit.errors["rh_A_WRJ1"]) < 0.01
