"""Trained pose networks: loading, and their description in a bundle."""

import dataclasses
import json
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from dactyl_jax import hand, pretrained
from dactyl_jax.errors import UserError
from dactyl_jax.vision import solve
from dactyl_jax.vision.checkpoints import restore_estimator
from dactyl_jax.vision.estimator import Estimator
from experiments.vision import directory

_LENS = ("matrix", "distortion", "size")


class TrainedPoseNetwork(NamedTuple):
    """A trained pose network.

    Attributes:
        config: its training configuration.
        estimator: the network.
        training: its origin and its errors on held-out frames, as strict JSON.
    """

    config: ConfigDict
    estimator: Estimator
    training: dict[str, Any]


def load(workdir: str | None) -> TrainedPoseNetwork:
    """Loads the network of a run's newest checkpoint, or the package's if `workdir` is None.

    Raises:
        UserError: the network is missing or cannot be read.
    """
    try:
        if workdir is None:
            config, estimator, metrics = pretrained.load_vision()
            return TrainedPoseNetwork(config, estimator, {"run": "pretrained", **metrics})
        run = directory.work_directory(workdir)
        config, estimator = run.load_config(), restore_estimator(workdir)
    except UserError as error:
        problem = str(error)
        if problem.startswith("--workdir:"):  # the flag's name in the training program
            problem = f"--vision_{problem[2:]}"
        raise UserError(problem) from None
    looked = [row for row in run.read_metrics() if "rotation_deg" in row]
    training = {
        "run": workdir,
        "origin": run.read_origin(),
        "iteration": estimator.iteration,
        "frames_learned": estimator.frames,
        "errors": {k: looked[-1][k] for k in ("rotation_deg", "position_mm")} if looked else None,
    }
    return TrainedPoseNetwork(config, estimator, training)


def check(pose: TrainedPoseNetwork, env: ConfigDict) -> None:
    """Refuses a network trained with another object or palm tilt than the policy.

    Raises:
        UserError: names the field.
    """
    for name in ("object", "tilt"):
        if pose.config[name] != env[name]:
            raise UserError(
                f"the pose network was trained with {name}={pose.config[name]!r}, the policy with "
                f"{env[name]!r}; train a pose network with --config.{name}={env[name]}"
            )


def describe(pose: TrainedPoseNetwork) -> dict[str, Any]:
    """Returns what a robot host needs to know about the cameras and the network."""
    return {
        "image_size": pose.estimator.eyes.first.image_size,
        "pictures": "uint8, [1, camera, row, column, red green blue], undistorted and cropped",
        "frame": "rh_forearm",
        # Camera poses in this frame: the view axis is -z, y points up in the picture. Vertical
        # field of view of the square picture, degrees. Calibrated cameras have OpenCV's lens model.
        "cameras": _cameras(pose.config),
        # Known points, how well the cameras are known, and constants of the solution.
        "geometry": solve.geometry(pose.estimator.rig),
        "doubt": "rad, how far the orientations that the pictures leave possible lie from their "
        "mean: 0 where one is, 2.09 where all are; its cosine is (largest eigenvalue of "
        "Davenport's matrix - 1) / 2",
        "config": pose.config.to_dict(),
        "training": pose.training,
    }


def _cameras(config: ConfigDict) -> list[dict[str, Any]]:
    """Returns the training cameras, with lens parameters if the calibration file has them."""
    if not config.cameras:
        return [dataclasses.asdict(camera) for camera in hand.RIG]
    rows = [dataclasses.asdict(camera) for camera in hand.read_rig(config.cameras)]
    given = json.loads(Path(config.cameras).read_text(encoding="utf-8"))
    return [
        {**row, **{name: more[name] for name in _LENS if name in more}}
        for row, more in zip(rows, given, strict=True)
    ]
