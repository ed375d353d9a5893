"""Runs trials of a policy bundle on a hand: over ROS 1, or on a simulated hand in this process.

First verifies that this machine reproduces the training code's results (`hardware.verify`). Prints
goals as they are reached, then a table. --log records every message and saves a plot beside the
log. Enter, the service /dactyl_jax/stop, or a stop box on --stop_topic holds the hand permanently.
After a fault the exit status is 1.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from collections.abc import Sequence

import numpy as np

from hardware.base import cli
from hardware.base.errors import Held, UserError
from hardware.bundle import store
from hardware.bundle.store import Bundle
from hardware.policy.actions import MostProbable, Sampled
from hardware.robots.robot import Robot
from hardware.sight import cameras
from hardware.sight.camera_tracker import USUAL, Acceptance, known_cameras
from hardware.sight.cameras import Camera
from hardware.sight.mount import AT_FOREARM, load_mount
from hardware.trials import first_time, goals, report, verification
from hardware.trials.bench import Bench
from hardware.trials.goals import RandomGoals
from hardware.trials.log import Log
from hardware.trials.session import CAMERA_PATIENCE, TRACKER_PATIENCE, Lab, Session

_OF_VISION = ("camera_topics", "rig", "largest_doubt", "largest_misfit")
# Period and latency of simulated pictures in control steps, as in experiments.evaluate.
_PICTURE_PERIOD, _PICTURE_DELAY = 0.5, 1.0


def run(flags: argparse.Namespace) -> None:
    """Runs the trials and prints a report."""
    _check_flags(flags)
    path = cli.new_file("log", flags.log, ending=".mcap") if flags.log else None
    contents = store.load(flags.bundle)
    rig = _cameras(contents, flags) if flags.pose == "vision" else None
    verification.in_its_own_process(flags.bundle, simulated=flags.robot == "simulated")
    mount = load_mount(flags.tracker_mount) if flags.tracker_mount else AT_FOREARM
    robot = (_ros if flags.robot == "ros" else _simulated)(contents, flags)
    lab = _bench(contents, flags)
    log = Log(path, {"bundle": contents.name, "flags": json.dumps(vars(flags))}) if path else None
    session = Session(
        contents,
        robot,
        mount,
        log,
        markers=flags.fingertips == "markers",
        cameras=rig,
        acceptance=Acceptance(
            flags.largest_doubt or USUAL.doubt, flags.largest_misfit or USUAL.misfit
        ),
        patience=flags.patience_s,
        rates=first_time.SHARE if flags.first_time else 1.0,
    )
    if flags.robot == "ros":
        session.stop_on_enter()
    results = []
    gc.collect()
    gc.freeze()  # a full collection would interrupt the loop for tens of milliseconds
    try:
        if flags.first_time:
            if not first_time.run(session):
                raise Held(session.guard.fault)
            print("all actuators follow their commands; leave out --first_time to run the policy")
            return
        for trial in range(flags.trials):
            result = session.run(lab, trial, flags.goal_timeout_s)
            results.append(result)
            why = f" ({result.reason})" if result.reason else ""
            print(f"trial {trial + 1}: {result.goals} goals, {result.end}{why}", flush=True)
            if session.guard.stopped or (result.end == "fault" and flags.robot == "ros"):
                break  # another trial would move a hand that is held
    finally:
        robot.close()
        if results:
            print(report.table(results, contents.control_dt))
        print(report.timing(session.late, session.jitter, session.computing))
        if rig is not None:
            print(report.looking(session.looking))
        if log is not None:
            log.close()
        if results and path is not None:
            path.with_suffix(".svg").write_text(report.plot(results), encoding="utf-8")
    faults = [result.reason for result in results if result.end == "fault"]
    if faults:
        raise Held(faults[-1])


def _check_flags(flags: argparse.Namespace) -> None:
    """Refuses flags that cannot be combined."""
    vision, simulated = flags.pose == "vision", flags.robot == "simulated"
    for name in _OF_VISION:
        if getattr(flags, name) is not None and not vision:
            raise UserError(f"--{name} goes with --pose=vision; add it or leave --{name} out")
    for name in ("tracker_mount", "camera_topics", "rig", "stop_topic"):
        if getattr(flags, name) is not None and simulated:
            raise UserError(f"--{name} goes with --robot=ros; leave it out")
    if flags.tracker_mount is not None and vision and flags.fingertips == "joints":
        raise UserError("--tracker_mount goes with a tracker, but none is used; leave it out")
    if vision and not simulated and flags.camera_topics is None:
        raise UserError("--pose=vision needs three cameras; add --camera_topics=A,B,C")


def _cameras(contents: Bundle, flags: argparse.Namespace) -> list[Camera]:
    """The cameras to use: the bundle's, or those of --rig."""
    known = known_cameras(contents)
    topics = flags.camera_topics
    if topics is not None and (len(set(topics)) != len(known) or len(topics) != len(known)):
        raise UserError(
            f"--camera_topics names {len(set(topics))} topics; it must name those of "
            f"{', '.join(camera.name for camera in known)}, in this order"
        )
    return cameras.read_rig(flags.rig, known) if flags.rig else known


def _ros(contents: Bundle, flags: argparse.Namespace) -> Robot:
    with cli.needs_ros():
        from hardware.robots.ros.client import RosRobot
    tips = flags.fingertips_topic if flags.fingertips == "markers" else None
    if flags.pose == "tracker":
        return RosRobot(contents, flags.pose_topic, tips, stop_topic=flags.stop_topic)
    names = (camera["name"] for camera in contents.contract["vision"]["cameras"])
    topics = dict(zip(flags.camera_topics, names))
    return RosRobot(contents, None, tips, topics, flags.stop_topic)


def _simulated(contents: Bundle, flags: argparse.Namespace) -> Robot:
    with cli.needs_mujoco("--robot=simulated"):
        from hardware.simulation.assistant import Assistant
        from hardware.simulation.cameras import CameraRenderer, DelayedCameras
        from hardware.simulation.hand import SimulatedHand
        from hardware.simulation.in_process import InProcess
    simulated = SimulatedHand(contents, flags.world, seed=flags.seed)
    watching = None
    if flags.pose == "vision":
        period, delay = contents.control_dt * np.array([_PICTURE_PERIOD, _PICTURE_DELAY])
        watching = DelayedCameras(simulated, CameraRenderer(contents), period, delay)
    assistant = Assistant(simulated, contents)
    return InProcess(simulated, assistant=assistant, cameras=watching)


def _bench(contents: Bundle, flags: argparse.Namespace) -> Lab:
    nearest = contents.contract["task"]["nearest_goal"]
    chooser = MostProbable() if flags.greedy else Sampled(flags.seed)
    return Bench(RandomGoals(flags.goals, nearest, flags.seed), chooser)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; see `cli.run`."""
    parser = cli.Parser("run_trials", __doc__ or "")
    parser.add_argument("--bundle", required=True, help="a folder that hardware.export wrote")
    parser.add_argument(
        "--robot",
        required=True,
        choices=("ros", "simulated"),
        help="a hand over ROS 1, or a simulated hand in this process",
    )
    parser.add_argument(
        "--trials", type=cli.whole_number(1), default=10, help="number of trials (10)"
    )
    parser.add_argument(
        "--goals",
        choices=goals.DISTRIBUTIONS,
        default="uniform",
        help="near: 0.5 to 0.9 rad from the object's orientation; uniform over all orientations; "
        "aligned: upright poses of a block (uniform)",
    )
    parser.add_argument(
        "--goal_timeout_s", type=cli.positive_number, default=80.0, help="time limit per goal (80)"
    )
    parser.add_argument(
        "--seed", type=cli.whole_number(0), default=0, help="seed of all random draws (0)"
    )
    parser.add_argument(
        "--greedy", action="store_true", help="take the most probable actions instead of sampling"
    )
    parser.add_argument(
        "--first_time",
        action="store_true",
        help="run no policy: with an empty hand, move one actuator after the other, slowly, and "
        "check that each follows its command",
    )
    parser.add_argument("--log", help="a new .mcap file; records every message")
    parser.add_argument(
        "--pose",
        choices=("tracker", "vision"),
        default="tracker",
        help="source of the object's pose: a motion tracker, or the bundle's pose network",
    )
    parser.add_argument(
        "--camera_topics",
        type=lambda text: text.split(","),
        help="with --pose=vision and --robot=ros: topics of the three cameras, in the bundle's "
        "order, separated by commas",
    )
    parser.add_argument(
        "--rig",
        help="with --pose=vision and --robot=ros: JSON file of the calibrated cameras; the "
        "bundle's cameras by default",
    )
    parser.add_argument(
        "--largest_doubt",
        type=cli.positive_number,
        help="with --pose=vision: reject pose estimates with a larger uncertainty, rad "
        f"({USUAL.doubt:g})",
    )
    parser.add_argument(
        "--largest_misfit",
        type=cli.positive_number,
        help="with --pose=vision: reject pose estimates with a larger misfit of a camera "
        f"({USUAL.misfit:g})",
    )
    parser.add_argument(
        "--pose_topic",
        default="/object_pose",
        help="with --robot=ros: the motion tracker's topic for the object (/object_pose)",
    )
    parser.add_argument(
        "--fingertips",
        choices=("joints", "markers"),
        default="joints",
        help="source of the fingertip positions: joint angles, or the tracker's markers as in the "
        "paper (joints)",
    )
    parser.add_argument(
        "--fingertips_topic",
        default="/fingertips",
        help="with --fingertips=markers: the tracker's topic for the fingertips (/fingertips)",
    )
    parser.add_argument(
        "--tracker_mount", help="JSON file: pose of the tracker's frame in ROS's rh_forearm"
    )
    parser.add_argument(
        "--patience_s",
        type=cli.positive_number,
        help="maximum age of poses while the policy acts, s; older ones hold the hand "
        f"({TRACKER_PATIENCE:g}, with --pose=vision {CAMERA_PATIENCE:g})",
    )
    parser.add_argument(
        "--stop_topic",
        help="with --robot=ros: std_msgs/Bool from a stop box, at 4 Hz or more; True stops the "
        "hand permanently, silence of 0.5 s holds it",
    )
    parser.add_argument(
        "--world",
        choices=("training", "surrogate"),
        default="training",
        help="with --robot=simulated: the hand of training, or one that no policy was trained on",
    )
    return cli.run(run, parser, argv)


if __name__ == "__main__":
    sys.exit(main())
