"""What the vision programs share: the model, states from episodes, and streams of frames."""

import hashlib
from typing import Any

import jax
import mujoco
import numpy as np
import warp
from ml_collections import ConfigDict

from dactyl_jax import hand, pretrained
from dactyl_jax.envs import make_environment
from dactyl_jax.learning import RandomAgent
from dactyl_jax.rendering import GlViews, ParallelViews, Views
from dactyl_jax.vision import config as schema
from dactyl_jax.vision import pool
from dactyl_jax.vision.frames import FrameSource, Truth

TRAINING, HELD_OUT, SHEET = range(3)  # streams of frames
_HELD_OUT_STATES = 2000
_BANK = 256  # initial states of the episodes from which states are sampled


def load_model(config: ConfigDict) -> mujoco.MjModel:
    """Loads the model of the hand and the object with its cameras."""
    return hand.load_model(config.object, tilt=config.tilt, cameras=schema.cameras(config))


def make_source(config: ConfigDict, model: mujoco.MjModel, stream: int) -> FrameSource:
    """Makes the frame source of a stream; only `TRAINING` uses the training episodes.

    Args:
        config: vision configuration.
        model: model with cameras.
        stream: one of `TRAINING`, `HELD_OUT`, `SHEET`.
    """
    training = stream == TRAINING
    seed = config.seed if training else config.seed + 1_000_003
    states = make_pool(config, seed, config.states if training else _HELD_OUT_STATES)
    return FrameSource(config, model, states, stream)


def make_looks(config: ConfigDict, model: mujoco.MjModel, stream: int) -> FrameSource:
    """Makes a source whose frames vary only in appearance and augmentation, not in state."""
    states = pool.Pool(resting_states(model, 1, 0), np.zeros(1, np.int32))
    return FrameSource(config, model, states, stream)


def resting_states(model: mujoco.MjModel, count: int, seed: int) -> np.ndarray:
    """Returns states `[count, nq]` of the object at random orientations in a cupped hand."""
    layout = hand.layout(model)
    qpos = np.tile(model.qpos0, (count, 1)).astype(np.float32)
    qpos[:, layout.joint_qpos] = layout.coupling.T @ layout.start_targets / 2
    qpos[:, layout.object_qpos[:3]] = layout.palm_position + np.array([0.0, 0.0, 0.03])
    quaternion = np.random.default_rng(seed).normal(size=(count, 4))
    qpos[:, layout.object_qpos[3:]] = quaternion / np.linalg.norm(quaternion, axis=1)[:, None]
    return qpos


def make_views(renderer: str, model: mujoco.MjModel, size: int, batch: int | None = None) -> Any:
    """Makes the renderer `warp` or `gl`.

    On a CPU, `warp` uses all cores, unless `batch` limits the number of frames per call.
    """
    if renderer == "gl":
        return GlViews(model, size)
    warp.config.log_level = warp.LOG_ERROR
    if batch is None and jax.default_backend() == "cpu":
        return ParallelViews(model, size)
    return Views(model, size, batch=batch)


def make_pool(config: ConfigDict, seed: int, count: int) -> pool.Pool:
    """Collects states of the package's policy, of random actions and of falls."""
    task, parameters, _ = pretrained.load()
    task.engine, task.seed = "native", seed
    task.env.object, task.env.tilt, task.env.bank_size = config.object, config.tilt, _BANK

    def agents():
        policy = pretrained.policy().agent
        return {
            "policy": policy,
            "random": RandomAgent(policy.num_actuators, policy.num_bins),
        }

    content = b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(parameters))
    return pool.collect(
        task,
        lambda: (make_environment(task), agents()),
        hashlib.sha256(content).hexdigest(),
        count=count,
        seed=seed,
    )


def draw(source: FrameSource, views: Any, numbers: np.ndarray) -> tuple[np.ndarray, Truth]:
    """Renders the frames of the given numbers.

    Returns:
        Pictures `[n, camera, size, size, 3]` uint8, and the ground truth.
    """
    qpos, looks, truth = source.draw(numbers)
    return views.render(np.asarray(qpos), looks), jax.device_get(truth)
