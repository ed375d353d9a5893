"""Pose errors on held-out frames: with all cameras, without each one, and against occlusion."""

import dataclasses
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax.evaluation import pose_errors
from dactyl_jax.hand import RIG
from dactyl_jax.vision.estimator import Estimator, Poses
from dactyl_jax.vision.frames import Truth
from dactyl_jax.vision.loss import errors
from dactyl_jax.vision.occlusion import occlusion
from dactyl_jax.vision.terms import materials
from dactyl_jax.vision.unmarked import without_marks
from experiments.vision import frames as frames_lib

_CHUNK = 50  # frames in memory at once
_WORST = 6  # frames whose pictures are kept
# Frame numbers of each seed start at a multiple of this, above those that training evaluates.
_FIRST = 1_000_000
_OCCLUSION_SIZE = 100  # pixels; enough to measure the hidden share


@dataclasses.dataclass(frozen=True)
class Errors:
    """Errors of frames, `[n]`.

    Attributes:
        rotation: orientation error, rad.
        position: position error, m.
        doubt: uncertainty that the first look reports, rad.
        rotation_deviation: standard deviation of the angle that the solution reports, rad.
        without: orientation and position errors with one camera's picture blank, by camera name.
        occlusion: hidden share of the object.
        worst: pictures of the frames with the largest orientation errors,
            `[frame, camera, size, size, 3]` uint8.
        worst_rotation: orientation errors of these frames, rad.
    """

    rotation: np.ndarray
    position: np.ndarray
    doubt: np.ndarray
    rotation_deviation: np.ndarray
    without: dict[str, tuple[np.ndarray, np.ndarray]]
    occlusion: np.ndarray
    worst: np.ndarray
    worst_rotation: np.ndarray


def measure(
    config: ConfigDict,
    estimator: Estimator,
    renderer: str,
    *,
    frames: int,
    seed: int,
    unmarked: bool = False,
) -> Errors:
    """Renders held-out frames and compares the estimates with the truth.

    Args:
        config: vision configuration; its terms vary the frames.
        estimator: the trained network.
        renderer: `warp` or `gl`.
        frames: number of frames.
        seed: selects the frames.
        unmarked: whether to remove the marks that identify the object's orientation.
    """
    model = frames_lib.load_model(config)
    if unmarked:
        model = without_marks(model)
    source = frames_lib.make_source(config, model, frames_lib.HELD_OUT)
    views = frames_lib.make_views(renderer, model, config.image_size)
    small = frames_lib.make_views("warp", model, _OCCLUSION_SIZE)
    visible = materials(model)
    names = ["", *(camera.name for camera in RIG)]
    found: dict[str, list[np.ndarray]] = {name: [] for name in names}
    hidden, doubts, deviations = [], [], []
    kept: list[tuple[float, np.ndarray]] = []
    for start in range(0, frames, _CHUNK):
        numbers = _FIRST * (seed + 1) + np.arange(start, min(start + _CHUNK, frames))
        qpos, looks, truth = source.draw(numbers)
        pictures = views.render(np.asarray(qpos), looks)
        seen = np.asarray(source.vary(numbers, pictures))
        for camera, name in enumerate(names, start=-1):
            shown = seen if camera < 0 else _blank(seen, camera)
            poses = estimator.estimate_normal(shown)
            found[name].append(_errors(poses, truth))
            if camera < 0:
                doubts.append(poses.doubt)
                deviations.append(poses.rotation_deviation)
        hidden.append(occlusion(small, np.asarray(qpos), looks, visible))
        kept = _worst(kept, found[""][-1][0], pictures)
    parts = {name: np.concatenate(rows, axis=1) for name, rows in found.items()}
    return Errors(
        rotation=parts[""][0],
        position=parts[""][1],
        doubt=np.concatenate(doubts),
        rotation_deviation=np.concatenate(deviations),
        without={name: (parts[name][0], parts[name][1]) for name in names[1:]},
        occlusion=np.concatenate(hidden),
        worst=np.stack([pictures for _, pictures in kept]),
        worst_rotation=np.array([rotation for rotation, _ in kept]),
    )


def summarize(errors: Errors) -> dict[str, Any]:
    """Returns the errors in the format of `experiments.evaluate_vision --json`."""
    return {
        **pose_errors.statistics(errors.rotation, errors.position),
        "frames": len(errors.rotation),
        "without_camera": {
            name: pose_errors.statistics(*rows) for name, rows in errors.without.items()
        },
        "by_occlusion": pose_errors.by_occlusion(
            errors.rotation, errors.position, errors.occlusion
        ),
        "by_deviation": pose_errors.by_deviation(errors.rotation, errors.rotation_deviation),
        "doubt": pose_errors.doubts(errors.doubt),
    }


def sentences(result: dict[str, Any]) -> list[str]:
    """Summarises a result of `summarize` in a few lines."""

    def line(title: str, row: dict[str, Any]) -> str:
        rotation, position = row["rotation_deg"], row["position_mm"]
        return (
            f"{title}: median {rotation['median']:.1f} deg and {position['median']:.1f} mm, "
            f"mean {rotation['mean']:.1f} +- {rotation['std']:.1f} deg and "
            f"{position['mean']:.1f} +- {position['std']:.1f} mm, "
            f"99% below {rotation['99%']:.1f} deg and {position['99%']:.1f} mm"
        )

    lines = [line(f"{result['frames']} frames", result)]
    lines += [line(f"without camera {name}", row) for name, row in result["without_camera"].items()]
    lines += [
        f"{100 * row['from']:.1f} to {100 * row['to']:.1f}% hidden: median "
        f"{row['rotation_deg']:.1f} deg and {row['position_mm']:.1f} mm, {row['frames']} frames"
        for row in result["by_occlusion"]
    ]
    lines += [
        f"{row['deviation_deg']:.1f} deg reported deviation: median {row['rotation_deg']:.1f} deg"
        for row in result["by_deviation"]
    ]
    return [*lines, pose_errors.doubt_sentence(result["doubt"])]


def worst_cases(errors: Errors) -> np.ndarray:
    """Tiles the frames with the largest errors: one row per frame, cameras in columns."""
    return np.concatenate(np.concatenate(errors.worst, axis=1), axis=1)


def _blank(pictures: np.ndarray, camera: int) -> np.ndarray:
    blank = pictures.copy()
    blank[:, camera] = 0.0
    return blank


def _errors(poses: Poses, truth: Truth) -> np.ndarray:
    """Returns orientation and position errors, `[2, n]`."""
    return np.stack(jax.device_get(errors(poses.position, poses.orientation, truth)))


def _worst(
    kept: list[tuple[float, np.ndarray]], rotation: np.ndarray, pictures: np.ndarray
) -> list[tuple[float, np.ndarray]]:
    """Merges a chunk into the worst frames kept: (error, pictures), largest error first."""
    rows = kept + list(zip(rotation.tolist(), pictures, strict=True))
    return sorted(rows, key=lambda row: -row[0])[:_WORST]
