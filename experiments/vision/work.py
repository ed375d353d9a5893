"""The trainer and the frames of a vision run."""

import dataclasses
from collections.abc import Callable

import numpy as np
from ml_collections import ConfigDict

from dactyl_jax.vision.dataset import Dataset
from dactyl_jax.vision.eyes import make_eyes
from dactyl_jax.vision.frames import Truth
from dactyl_jax.vision.trainer import VisionTrainer
from experiments.vision import frames


@dataclasses.dataclass(frozen=True)
class Work:
    """The trainer and the frames of a run.

    Attributes:
        trainer: trainer of the run.
        frames: returns an iteration's pictures and truth, given the iteration's number.
        held_out: frames of other episodes, as the network receives them, and their truth.
    """

    trainer: VisionTrainer
    frames: Callable[[int], tuple[np.ndarray, Truth]]
    held_out: tuple[np.ndarray, Truth]


def prepare(config: ConfigDict) -> Work:
    """Collects the states to render, and renders the held-out frames."""
    stored = _stored(config) if config.dataset else None
    eyes = make_eyes(config)
    model = frames.load_model(config)
    # Stored frames need no states.
    make = frames.make_looks if stored else frames.make_source
    source = make(config, model, frames.TRAINING)
    views = frames.make_views("warp", model, config.image_size)
    other = frames.make_source(config, model, frames.HELD_OUT)
    numbers = np.arange(config.run.eval_frames)
    pictures, truth = frames.draw(other, views, numbers)
    held_out = np.asarray(other.vary(numbers, pictures)), truth
    count = config.training.frames

    def rendered(iteration: int) -> tuple[np.ndarray, Truth]:
        return frames.draw(source, views, iteration * count + np.arange(count))

    return Work(VisionTrainer(config, eyes, source.vary), stored or rendered, held_out)


def _stored(config: ConfigDict) -> Callable[[int], tuple[np.ndarray, Truth]]:
    """Returns a reader of a dataset's shards, in a new random order for each pass."""
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
    """Prints the skipped damaged shards, if there are more than `known`."""
    if len(dataset.damaged) > known:
        names = ", ".join(dataset.damaged)
        print(f"{len(dataset.damaged)} damaged shards skipped: {names}", flush=True)
