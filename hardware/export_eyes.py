"""The eyes of a policy bundle: a trained pose network; runs where one trains."""

import dataclasses
import json
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import jax2onnx
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import hand, pretrained
from dactyl_jax.vision.checkpoints import restore_estimator
from dactyl_jax.vision.estimator import Estimator
from dactyl_jax.vision.frames import FrameSource
from dactyl_jax.vision.pool import Pool
from experiments import origin, vision_frames, vision_runs
from hardware.bundle import pack_arrays
from hardware.program import UserError

OPSET = 18  # normalising needs it; Python 3.8's last onnxruntime, 1.19, knows up to 21
_LENS = ("matrix", "distortion", "size")


class Eyes(NamedTuple):
    """A trained pose network.

    Attributes:
        config: of its training.
        estimator: itself.
        training: where it came from, and its errors on held-out frames, as strict JSON has it.
    """

    config: ConfigDict
    estimator: Estimator
    training: dict[str, Any]


def load(workdir: str | None) -> Eyes:
    """The network of a run's newest checkpoint, or the package's.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    try:
        if workdir is None:
            config, estimator, metrics = pretrained.load_vision()
            return Eyes(config, estimator, {"run": "pretrained", **metrics})
        run = vision_runs.work_directory(workdir)
        config, estimator = run.load_config(), restore_estimator(workdir)
    except ValueError as error:
        problem = str(error)
        if problem.startswith("--workdir:"):  # as it is called where networks are trained
            problem = f"--vision_{problem[2:]}"
        raise UserError(problem) from None
    looked = [row for row in run.read_metrics() if "rotation_deg" in row]
    training = {
        "run": workdir,
        "origin": origin.read(run),
        "iteration": estimator.iteration,
        "frames_learned": estimator.frames,
        "errors": {k: looked[-1][k] for k in ("rotation_deg", "position_mm")} if looked else None,
    }
    return Eyes(config, estimator, training)


def check(eyes: Eyes, env: ConfigDict) -> None:
    """Refuses a network that was trained for another hand or object than the policy.

    Raises:
        UserError: names the field.
    """
    for name in ("object", "tilt"):
        if eyes.config[name] != env[name]:
            raise UserError(
                f"the pose network was trained with {name}={eyes.config[name]!r}, the policy with "
                f"{env[name]!r}; train one with --config.{name}={env[name]}"
            )


def contract(eyes: Eyes) -> dict[str, Any]:
    """What the robot host has to know of the cameras and the network."""
    return {
        "image_size": eyes.estimator.network.image_size,
        "pictures": "uint8, [1, camera, row, column, red green blue], undistorted and cropped",
        "frame": "rh_forearm",
        # Poses there; they look along their -z, with y upwards in the picture. Vertical field of
        # view of the square picture, degrees. The lens, of cameras that were calibrated: OpenCV's.
        "cameras": _cameras(eyes.config),
        "doubt": "rad, how far the orientations that the pictures leave possible lie from their "
        "mean: 0 where one is, 2.09 where all are; its cosine is (largest eigenvalue of "
        "Davenport's matrix - 1) / 2",
        "config": eyes.config.to_dict(),
        "training": eyes.training,
    }


def _cameras(config: ConfigDict) -> list[dict[str, Any]]:
    """The cameras of the training, with their lenses where its file has them."""
    if not config.cameras:
        return [dataclasses.asdict(camera) for camera in hand.RIG]
    try:
        rows = [dataclasses.asdict(camera) for camera in hand.read_rig(config.cameras)]
    except ValueError as error:
        raise UserError(str(error)) from None
    given = json.loads(Path(config.cameras).read_text(encoding="utf-8"))
    return [
        {**row, **{name: more[name] for name in _LENS if name in more}}
        for row, more in zip(rows, given, strict=True)
    ]


def network(estimator: Estimator) -> bytes:
    """The pose network as an ONNX graph: pictures as cameras give them to a pose.

    Input `pictures [1, camera, size, size, 3]` uint8; outputs `position [1, 3]` m and `matrix
    [1, 3, 3]`, the mean of the orientations that are possible.
    """
    size = estimator.network.image_size
    graph: Any = jax2onnx.to_onnx(
        estimator.mean_pose,
        [jax.ShapeDtypeStruct((1, len(hand.RIG), size, size, 3), jnp.uint8)],
        model_name="pose",
        opset=OPSET,
        input_names=["pictures"],
        output_names=["position", "matrix"],
    )
    return graph.SerializeToString()


def golden(eyes: Eyes, frames: int) -> dict[str, np.ndarray]:
    """Rendered pictures with what the training code makes of them, as `verify.verify` takes it."""
    model = vision_frames.load_model(eyes.config)
    qpos = vision_frames.resting_states(model, frames, seed=0)
    pool = Pool(qpos[:1], np.zeros(1, np.int32))  # only looks are drawn
    looks = FrameSource(eyes.config, model, pool, vision_frames.HELD_OUT).draw_looks(
        np.arange(frames)
    )
    size = eyes.estimator.network.image_size
    pictures = vision_frames.make_views("warp", model, size, batch=1).render(qpos, looks)
    poses = eyes.estimator.estimate(pictures)
    _, matrix = jax.jit(eyes.estimator.mean_pose)(pictures)
    return {"pictures": pictures, "matrix": np.asarray(matrix), **poses._asdict()}


def contents(eyes: Eyes, frames: int = 4) -> dict[str, bytes]:
    """The files of the bundle that hold the network."""
    return {
        "pose.onnx": network(eyes.estimator),
        "pictures.npz": pack_arrays(golden(eyes, frames)),
    }
