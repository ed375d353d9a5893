"""Calibrates the simulated hand to a real one.

With --robot, moves the hand and records it in --log: under the guard, each actuator of --digits
goes to its limits and then oscillates, about 25 s per actuator. The hand must be empty.

With --out, fits the simulated hand to the log: damping, friction loss, gains, limits and backlash,
and the joint sensors' offsets if a tracker saw markers on the fingertips. This needs MuJoCo.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from hardware.base import cli
from hardware.base.errors import Held, UserError
from hardware.bundle import model_patch, store
from hardware.bundle.model_patch import Patch
from hardware.bundle.store import Bundle
from hardware.calibration import excitation
from hardware.robots.robot import Robot
from hardware.sight.mount import AT_FOREARM, load_mount
from hardware.trials.log import Log
from hardware.trials.session import Session


def run(flags: argparse.Namespace) -> None:
    """Records a log, fits the simulated hand to one, or does both."""
    if not (flags.robot or flags.out):
        raise UserError("--robot records a log, --out fits one: give at least one of them")
    if flags.robot != "simulated" and flags.model_patch:
        raise UserError("--model_patch goes with --robot=simulated; leave it out")
    contents = store.load(flags.bundle)
    out = cli.new_file("out", flags.out, ending=".json") if flags.out else None
    if flags.robot:
        record(contents, flags)
    if out is not None:
        fit(contents, flags.log, out)


def record(contents: Bundle, flags: argparse.Namespace) -> None:
    """Moves the hand and records a log.

    Raises:
        Held: the guard held the hand.
    """
    digits = tuple(flags.digits.split(","))
    unknown = set(digits) - set(excitation.DIGITS)
    if unknown:
        raise UserError(
            f"--digits: unknown {min(unknown)!r}; choose from {','.join(excitation.DIGITS)}"
        )
    path = cli.new_file("log", flags.log, ending=".mcap")
    mount = load_mount(flags.tracker_mount) if flags.tracker_mount else AT_FOREARM
    robot = _robot(contents, flags)
    log = Log(path, {"bundle": contents.name, "flags": json.dumps(vars(flags))})
    session = Session(contents, robot, mount, log)
    if flags.robot == "ros":
        session.stop_on_enter()
    try:
        whole = excitation.run(session, digits)
    finally:
        robot.close()
        log.close()
    if not whole:
        raise Held(f"{session.guard.fault}; the log ends there")
    print(f"{path}: recorded the motion of {', '.join(digits)}")


def _robot(contents: Bundle, flags: argparse.Namespace) -> Robot:
    if flags.robot == "ros":
        with cli.needs_ros():
            from hardware.robots.ros.client import RosRobot
        return RosRobot(contents, pose_topic=None, fingertips_topic=flags.fingertips_topic)
    with cli.needs_mujoco("--robot=simulated"):
        from hardware.simulation.hand import SimulatedHand
        from hardware.simulation.in_process import InProcess
    patch = model_patch.load(flags.model_patch) if flags.model_patch else Patch()
    simulated = SimulatedHand(contents, patch=patch)
    simulated.take_object_away()
    return InProcess(simulated)


def fit(contents: Bundle, log: str, out: Path) -> None:
    """Fits the simulated hand to a log and writes the model patch.

    Args:
        contents: the bundle with the hand to start from.
        log: path of the log.
        out: path of the model patch to write.
    """
    with cli.needs_mujoco("--out"):
        from hardware.calibration import identification
    recording = identification.read(log, contents)
    offsets = identification.fit_offsets(recording, contents)
    fitted = identification.Fit(contents, recording, offsets)
    for window in identification.SWEEPS:
        fitted.sweep(window)
        worst = max(errors[-1] for errors in fitted.errors.values())
        print(f"fitted {window:g} s at a time: largest error {1000 * worst:.1f} mrad", flush=True)
    patch = fitted.patch()
    about = {"bundle": contents.name, "log": Path(log).name, "errors_rad": fitted.errors}
    out.write_text(model_patch.pack(patch, about), encoding="utf-8")
    print(_table(patch, fitted.errors))
    print(f"{out}: train with --config.env.model_patch={out}")


def _table(patch: Patch, errors: dict[str, list[float]]) -> str:
    """Tables of the fitted numbers, one row per actuator and one per joint."""
    lines = ["| actuator | error before, after, mrad | gain | backlash down, up, 1/(rad s) |"]
    lines.append("| --- | --- | --- | --- |")
    for name, row in patch.actuators.items():
        before, after = 1000 * errors[name][0], 1000 * errors[name][-1]
        play = f"{row['backlash_down']:.3g}, {row['backlash_up']:.3g}"
        lines.append(f"| {name} | {before:.1f}, {after:.1f} | {row['gain']:.3g} | {play} |")
    lines += ["", "| joint | damping | friction loss | limits, rad | sensor offset, mrad |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for name, row in patch.joints.items():
        offset = f"{round(1000 * row['offset'], 1) + 0.0:g}" if "offset" in row else "-"
        if "damping" in row:
            numbers = f"{row['damping']:.3g} | {row['frictionloss']:.3g}"
            limits = f"{row['low']:.3f}, {row['high']:.3f}"
        else:
            numbers, limits = "- | -", "-"
        lines.append(f"| {name} | {numbers} | {limits} | {offset} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; see `cli.run`."""
    parser = cli.Parser("calibrate", __doc__ or "")
    parser.add_argument("--bundle", required=True, help="policy bundle for this hand")
    parser.add_argument(
        "--log", required=True, help="an .mcap file: written with --robot, read otherwise"
    )
    parser.add_argument("--robot", choices=("ros", "simulated"), help="the hand to move")
    parser.add_argument("--out", help="a new .json file for the model patch")
    parser.add_argument(
        "--digits",
        default=",".join(excitation.DIGITS),
        help="what to move: the wrist (WR), fingers and the thumb (TH), separated by commas",
    )
    parser.add_argument(
        "--fingertips_topic",
        help="with --robot=ros: the tracker's topic, if it sees markers on the fingertips",
    )
    parser.add_argument(
        "--tracker_mount", help="JSON file: pose of the tracker's frame in ROS's rh_forearm"
    )
    parser.add_argument(
        "--model_patch", help="with --robot=simulated: model patch of the hand to simulate"
    )
    return cli.run(run, parser, argv)


if __name__ == "__main__":
    sys.exit(main())
