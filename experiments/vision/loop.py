"""The vision training loop: render frames, train, show progress, record and save checkpoints."""

import time
from typing import Any

import numpy as np

from dactyl_jax import evaluation
from dactyl_jax.evaluation import pose_errors
from dactyl_jax.vision.checkpoints import VisionCheckpoints
from dactyl_jax.vision.frames import Truth
from dactyl_jax.vision.loss import errors
from dactyl_jax.vision.trainer import VisionState, VisionTrainer
from experiments.base import files
from experiments.runs.workdir import WorkDirectory
from experiments.training.events import Events
from experiments.training.progress import Progress, short
from experiments.training.signals import stop_signals
from experiments.vision.work import Work


def train(
    work: Work,
    state: VisionState,
    checkpoints: VisionCheckpoints,
    workdir: WorkDirectory,
    progress: Progress,
    *,
    started: float,
) -> tuple[VisionState, bool]:
    """Trains until the run reaches `run.max_minutes` or `run.max_iterations`, or a signal arrives.

    Args:
        work: trainer and frames of the run.
        state: state to continue from; its buffers are donated.
        checkpoints: open checkpoint store; the last state is always saved in it.
        workdir: receives metrics and TensorBoard events.
        progress: shows each iteration.
        started: `time.monotonic()` at the start of the program, from which minutes count.

    Returns:
        The last state, and whether a signal stopped the training.
    """
    trainer = work.trainer
    law, run = trainer.config.training, trainer.config.run
    rows = workdir.keep_metrics(int(state.iteration))
    minutes_before = rows[-1]["wall_minutes"] if rows else 0.0
    looked = [row for row in rows if "rotation_deg" in row]
    seen = {k: looked[-1][k] for k in ("rotation_deg", "position_mm")} if looked else {}

    def minutes() -> float:
        return minutes_before + (time.monotonic() - started) / 60

    def finished() -> bool:
        enough = 0 < run.max_iterations <= int(state.iteration)
        return enough or 0 < run.max_minutes <= minutes()

    events = Events(workdir.tensorboard, int(state.iteration) + 1)
    stored = time.monotonic()
    with events, stop_signals() as stop, progress:
        while not finished() and not stop.is_set():
            begun = time.monotonic()
            pictures, truth = work.frames(int(state.iteration))
            drawn = time.monotonic()
            state, metrics = trainer.iteration(state, pictures, truth)
            row = {
                "iteration": int(state.iteration),
                "frames": int(state.iteration) * law.frames,
                "images_per_second": 3 * law.frames / (time.monotonic() - begun),
                "rendered_per_second": 3 * law.frames / (drawn - begun),
                **metrics,
            }
            if row["iteration"] % run.eval_every == 0:
                seen = _medians(_look(trainer, state, *work.held_out))
                row |= seen
            row["wall_minutes"] = minutes()
            workdir.append_metrics(row)
            events.add(row["iteration"], row)
            progress.show(seen | row)
            if time.monotonic() - stored >= run.checkpoint_s:
                stored = time.monotonic()
                checkpoints.save(state, trainer.estimator(state))
        checkpoints.save(state, trainer.estimator(state))
        return state, stop.is_set()


def columns(row: dict[str, Any]) -> dict[str, str]:
    """Returns the displayed columns of a row of metrics."""
    shown = {
        "frames": short(row["frames"]),
        "images/s": f"{row['images_per_second']:.0f}",
        "loss": f"{row['loss']:.3f}",
    }
    if "rotation_deg" in row:
        shown["held out"] = f"{row['rotation_deg']:.1f} deg {row['position_mm']:.1f} mm"
    return shown


def _look(
    trainer: VisionTrainer, state: VisionState, pictures: np.ndarray, truth: Truth
) -> dict[str, dict[str, float]]:
    """Returns statistics of the errors on held-out frames."""
    poses = trainer.estimator(state).estimate_normal(pictures)
    rotation, position = errors(poses.position, poses.orientation, truth)
    return pose_errors.statistics(np.asarray(rotation), np.asarray(position))


def _medians(looked: dict[str, dict[str, float]]) -> dict[str, float]:
    return {name: values["median"] for name, values in looked.items()}


def report(work: Work, state: VisionState, workdir: WorkDirectory) -> None:
    """Measures errors on held-out frames, draws the learning curve and writes `report/`."""
    config = work.trainer.config
    iteration = int(state.iteration)
    looked = _look(work.trainer, state, *work.held_out)
    result = {
        "iteration": iteration,
        "frames": iteration * config.training.frames,
        "held_out_frames": config.run.eval_frames,
        **looked,
    }
    files.write_json(workdir.report / "evaluation.json", result)
    rotation, position = looked["rotation_deg"], looked["position_mm"]
    print(
        f"After {result['frames']:,} frames, median error on {config.run.eval_frames} held-out "
        f"frames: {rotation['median']:.1f} deg and {position['median']:.1f} mm",
        flush=True,
    )
    rows = [*workdir.read_metrics(), result | _medians(looked)]
    curve = workdir.report / "learning_curve.png"
    evaluation.draw_vision_curve(rows, curve, title=f"{config.object}, seed {config.seed}")
    print(f"Learning curve: {curve}", flush=True)
