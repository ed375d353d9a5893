"""The vision's training loop: draw frames, learn from them, show, record, store."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import evaluation
from dactyl_jax.evaluation import pose_errors
from dactyl_jax.vision import network as network_lib
from dactyl_jax.vision.checkpoints import VisionCheckpoints
from dactyl_jax.vision.dataset import Dataset
from dactyl_jax.vision.estimator import Estimator
from dactyl_jax.vision.frames import FrameSource, Truth
from dactyl_jax.vision.loss import errors
from dactyl_jax.vision.trainer import VisionState, VisionTrainer
from experiments import files, vision_frames
from experiments.events import Events
from experiments.progress import Progress, short
from experiments.training import stop_signals
from experiments.workdir import WorkDirectory


@dataclasses.dataclass(frozen=True)
class Work:
    """What a run works with.

    Attributes:
        trainer: of the run.
        frames: pictures and truth of the frames of an iteration, by its number.
        held_out: frames of other episodes, as the network sees them, and what is known of them.
    """

    trainer: VisionTrainer
    frames: Callable[[int], tuple[np.ndarray, Truth]]
    held_out: tuple[np.ndarray, Truth]


def prepare(config: ConfigDict) -> Work:
    """Collects the states that frames are drawn of, and draws the held-out ones."""
    stored = _stored(config) if config.dataset else None
    network = network_lib.make_network(config)
    model = vision_frames.load_model(config)
    # Frames that are there already need no states.
    make = vision_frames.make_looks if stored else vision_frames.make_source
    source = make(config, model, vision_frames.TRAINING)
    views = vision_frames.make_views("warp", model, config.image_size)
    other = vision_frames.make_source(config, model, vision_frames.HELD_OUT)
    numbers = np.arange(config.run.eval_frames)
    pictures, truth = draw(other, views, numbers)
    held_out = np.asarray(other.vary(numbers, pictures)), truth
    count = config.training.frames

    def rendered(iteration: int) -> tuple[np.ndarray, Truth]:
        return draw(source, views, iteration * count + np.arange(count))

    return Work(VisionTrainer(config, network, source.vary), stored or rendered, held_out)


def _stored(config: ConfigDict) -> Callable[[int], tuple[np.ndarray, Truth]]:
    """Frames of a dataset, shard by shard, in an order of its own each time through."""
    dataset = Dataset(config.dataset, skip_damaged=config.skip_damaged)
    dataset.check(config)
    _say_damaged(dataset, 0)

    def frames(iteration: int) -> tuple[np.ndarray, Truth]:
        through, place = divmod(iteration, len(dataset))
        order = np.random.default_rng([config.seed, through]).permutation(len(dataset))
        known = len(dataset.damaged)
        found = dataset.read_first(np.roll(order, -place).tolist())
        _say_damaged(dataset, known)
        return found

    return frames


def _say_damaged(dataset: Dataset, known: int) -> None:
    """Counts and names the shards that are left out, if there are more than are known."""
    if len(dataset.damaged) > known:
        names = ", ".join(dataset.damaged)
        print(f"{len(dataset.damaged)} damaged shards are left out: {names}", flush=True)


def draw(source: FrameSource, views: Any, numbers: np.ndarray) -> tuple[np.ndarray, Truth]:
    """Pictures `[n, camera, size, size, 3]` uint8 of the frames of some numbers, and the truth."""
    qpos, looks, truth = source.draw(numbers)
    return views.render(np.asarray(qpos), looks), jax.device_get(truth)


def train(
    work: Work,
    state: VisionState,
    checkpoints: VisionCheckpoints,
    workdir: WorkDirectory,
    progress: Progress,
    *,
    started: float,
) -> tuple[VisionState, bool]:
    """Iterates until `run.max_minutes` or `run.max_iterations` of the whole run, or a signal.

    Args:
        work: what the run works with.
        state: to continue from; given up.
        checkpoints: open; the last state is stored in it whenever this function returns.
        workdir: takes metrics and TensorBoard events.
        progress: shows each iteration.
        started: `time.monotonic()` of the program's start, from which its minutes count.

    Returns:
        The last state, and whether it stopped because of a signal.
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

    def store(state: VisionState) -> None:
        frames = int(state.iteration) * law.frames * law.passes
        checkpoints.save(state, trainer.network, frames)

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
                store(state)
        store(state)
        return state, stop.is_set()


def columns(row: dict[str, Any]) -> dict[str, str]:
    """What is shown of a row of metrics."""
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
    """Statistics of the errors on held-out frames."""
    estimator = Estimator(trainer.network, state.averaged, int(state.iteration), 0)
    poses = estimator.estimate_normal(pictures)
    rotation, position = errors(poses.position, poses.orientation, truth)
    return pose_errors.statistics(np.asarray(rotation), np.asarray(position))


def _medians(looked: dict[str, dict[str, float]]) -> dict[str, float]:
    return {name: values["median"] for name, values in looked.items()}


def report(work: Work, state: VisionState, workdir: WorkDirectory) -> None:
    """Measures the errors on held-out frames and draws the learning curve; writes `report/`."""
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
        f"After {result['frames']:,} frames, on {config.run.eval_frames} held-out ones: "
        f"{rotation['median']:.1f} deg and {position['median']:.1f} mm in the median",
        flush=True,
    )
    rows = [*workdir.read_metrics(), result | _medians(looked)]
    curve = workdir.report / "learning_curve.png"
    evaluation.draw_vision_curve(rows, curve, title=f"{config.object}, seed {config.seed}")
    print(f"Learning curve: {curve}", flush=True)
