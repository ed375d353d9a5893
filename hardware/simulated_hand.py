"""Runs a simulated hand behind the real hand's ROS 1 topics.

Publishes joint states and a motion tracker's poses, and with --cameras the pictures of three
cameras; takes the commands of the maker's position controllers. Runs in real time, or at
--realtime_factor of it. Puts the object back after a drop. Needs MuJoCo.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from hardware.base import cli
from hardware.base.errors import UserError
from hardware.bundle import model_patch, store
from hardware.bundle.model_patch import Patch
from hardware.sight.camera_tracker import known_cameras
from hardware.simulation.assistant import Assistant
from hardware.simulation.hand import Errors, SimulatedHand
from hardware.simulation.readings import DelayedReadings
from hardware.trials import verification


def run(flags: argparse.Namespace) -> None:
    """Runs the hand until ROS shuts down."""
    if flags.model_patch and flags.world != "training":
        raise UserError("--model_patch goes with --world=training; leave one of them out")
    contents = store.load(flags.bundle)
    if flags.cameras:
        known_cameras(contents)
    patch = model_patch.load(flags.model_patch) if flags.model_patch else Patch()
    with cli.needs_ros():
        from hardware.simulation import ros_server
    verification.in_its_own_process(flags.bundle, simulated=True)
    errors = Errors(**{name: getattr(flags, name) for name in Errors._fields})
    simulated = SimulatedHand(contents, flags.world, patch, flags.seed, errors)
    assistant = None if flags.without_object else Assistant(simulated, contents)
    if flags.without_object:
        simulated.take_object_away()
    ros_server.serve(
        simulated,
        assistant,
        contents,
        DelayedReadings(simulated, errors.delay_s),
        flags.realtime_factor,
        flags.camera_rate if flags.cameras else None,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; see `cli.run`."""
    parser = cli.Parser("simulated_hand", __doc__ or "")
    parser.add_argument(
        "--bundle", required=True, help="policy bundle with the hand and the object to simulate"
    )
    parser.add_argument(
        "--world",
        choices=("training", "surrogate"),
        default="training",
        help="the hand of training, or one that no policy was trained on",
    )
    parser.add_argument(
        "--realtime_factor",
        type=cli.positive_number,
        default=1.0,
        help="simulated seconds per second (1); otherwise /clock is published, and all programs "
        "must follow it",
    )
    parser.add_argument(
        "--model_patch", help="model patch to apply to the hand, as hardware.calibrate writes it"
    )
    parser.add_argument(
        "--without_object", action="store_true", help="simulate an empty hand, for calibration"
    )
    parser.add_argument(
        "--seed", type=cli.whole_number(0), default=0, help="seed of all random draws (0)"
    )
    parser.add_argument(
        "--cameras",
        action="store_true",
        help="publish /cameras/fingers, /cameras/thumb and /cameras/little, rendered by OpenGL; "
        "needs a bundle with a pose network",
    )
    parser.add_argument(
        "--camera_rate",
        type=cli.positive_number,
        default=12.5,
        help="with --cameras: frame rate of each camera, Hz, if this machine keeps up (12.5)",
    )
    kinds = {"delay_s": "latency of all readings, s", "dropout": "share of poses and markers lost"}
    kinds["joint_noise"] = "standard deviation of joint angles, rad"
    kinds["position_noise"] = "standard deviation of the object's position, m"
    kinds["orientation_noise"] = "standard deviation of the object's orientation, rad"
    kinds["fingertip_noise"] = "standard deviation of the fingertips' positions, m"
    for name, text in kinds.items():
        kind = cli.share if name == "dropout" else cli.number_from_zero
        parser.add_argument(f"--{name}", type=kind, default=0.0, help=text)
    return cli.run(run, parser, argv)


if __name__ == "__main__":
    sys.exit(main())
