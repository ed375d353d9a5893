"""Calibrates the simulated hand to a real one: moves the real one, or reads a log of it, and fits.

With --robot every actuator of --digits goes to its limits and swings to and fro, under the guard,
and --log keeps what came of it: on a robot host, about 25 s an actuator. With --out the log's hand
is fitted, where MuJoCo is: damping, friction loss, gains, limits and backlash, and, if a tracker
saw markers on the fingertips, offsets of the joints' sensors. Nothing may be in the hand.
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
    """Records, fits, or both."""
    if not (flags.robot or flags.out):
        raise UserError("--robot records a log and --out fits one: give either, or both")
    if flags.robot != "simulated" and flags.model_patch:
        raise UserError("--model_patch goes with --robot=simulated; leave it out")
    contents = store.load(flags.bundle)
    out = cli.new_file("out", flags.out, ending=".json") if flags.out else None
    if flags.robot:
        record(contents, flags)
    if out is not None:
        fit(contents, flags.log, out)


def record(contents: Bundle, flags: argparse.Namespace) -> None:
    """Moves the hand and keeps a log of it.

    Raises:
        Held: the guard held the hand.
    """
    digits = tuple(flags.digits.split(","))
    unknown = set(digits) - set(excitation.DIGITS)
    if unknown:
        raise UserError(
            f"--digits: there is no {min(unknown)!r}; name some of {','.join(excitation.DIGITS)}"
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
    print(f"{path}: {', '.join(digits)} moved")


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
    """Fits the hand of a log and writes the model patch.

    Args:
        contents: whose hand it is.
        log: the file.
        out: the file to be.
    """
    with cli.needs_mujoco("--out"):
        from hardware.calibration import identification
    recording = identification.read(log, contents)
    offsets = identification.fit_offsets(recording, contents)
    fitted = identification.Fit(contents, recording, offsets)
    for window in identification.SWEEPS:
        fitted.sweep(window)
        worst = max(errors[-1] for errors in fitted.errors.values())
        print(f"fitted {window:g} s at a time: off by {1000 * worst:.1f} mrad", flush=True)
    patch = fitted.patch()
    about = {"bundle": contents.name, "log": Path(log).name, "errors_rad": fitted.errors}
    out.write_text(model_patch.pack(patch, about), encoding="utf-8")
    print(_table(patch, fitted.errors))
    print(f"{out}: train with --config.env.model_patch={out}")


def _table(patch: Patch, errors: dict[str, list[float]]) -> str:
    """What was found, actuator by actuator and joint by joint."""
    lines = ["| actuator | off, mrad, before, after | gain | play down, up, 1/(rad s) |"]
    lines.append("| --- | --- | --- | --- |")
    for name, row in patch.actuators.items():
        before, after = 1000 * errors[name][0], 1000 * errors[name][-1]
        play = f"{row['backlash_down']:.3g}, {row['backlash_up']:.3g}"
        lines.append(f"| {name} | {before:.1f}, {after:.1f} | {row['gain']:.3g} | {play} |")
    lines += ["", "| joint | damping | friction loss | limits, rad | sensor's offset, mrad |"]
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
    parser.add_argument("--bundle", required=True, help="whose hand it is")
    parser.add_argument("--log", required=True, help="an .mcap file; new with --robot")
    parser.add_argument("--robot", choices=("ros", "simulated"), help="the hand to be moved")
    parser.add_argument("--out", help="a new .json file for the model patch")
    parser.add_argument(
        "--digits",
        default=",".join(excitation.DIGITS),
        help="which are to move, of the wrist, four fingers and the thumb",
    )
    parser.add_argument(
        "--fingertips_topic", help="the tracker's, with --robot=ros, if it sees the fingertips"
    )
    parser.add_argument(
        "--tracker_mount", help="JSON file: where the tracker's frame is in ROS's rh_forearm"
    )
    parser.add_argument(
        "--model_patch", help="with --robot=simulated: how the simulated hand differs"
    )
    return cli.run(run, parser, argv)


if __name__ == "__main__":
    sys.exit(main())
