"""Trials in which cameras, not the simulator, estimate the object's pose."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dactyl_jax.envs import EnvState, Reorientation
from dactyl_jax.evaluation import latency as latency_lib
from dactyl_jax.evaluation import trials as trials_lib
from dactyl_jax.evaluation.trials import Trials
from dactyl_jax.learning import Agent
from dactyl_jax.vision.estimator import Estimator, Poses
from dactyl_jax.vision.frames import FrameSource


@dataclasses.dataclass(frozen=True)
class Eye:
    """The cameras and the pose network.

    Attributes:
        estimator: the trained network.
        views: renders the camera images, `rendering.Views` or `GlViews`.
        source: appearance of the frames: trial n has the appearance of frame n throughout, and new
            noise in every image.
    """

    estimator: Estimator
    views: Any
    source: FrameSource


def run_vision_trials(
    env: Reorientation,
    agent: Agent,
    eye: Eye,
    *,
    trials: int,
    seed: int,
    goal_distance: float,
    latency: int,
    greedy: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> tuple[Trials, np.ndarray]:
    """Like `run_trials`, with the same starts, goals and agent's draws.

    The agent receives every estimate, including those that a robot would reject as uncertain.

    Args:
        env: the task.
        agent: the agent.
        eye: estimates the object's pose.
        trials: number of trials.
        seed: seed of starts, goals, appearance and the agent's draws.
        goal_distance: largest angle of a new goal, rad; from pi on see `goals.draw`.
        latency: control steps from an image to the step that acts on it.
        greedy: whether the agent takes its most probable actions instead of sampling.
        on_progress: called with the number of trials that have ended, after every control step.

    Returns:
        The trials, and the uncertainty of all estimates, `[looks]` rad.
    """
    start_key, act_key = jax.random.split(jax.random.key(seed))
    state = trials_lib.reset(env, trials, start_key, jnp.float32(goal_distance))
    first_look = (seed + 1) * 1_000_000
    looks = jax.device_get(eye.source.draw_looks(first_look + np.arange(trials)))
    carry, first = agent.initial_carry(trials), jnp.ones(trials, bool)
    rows = trials_lib.none_played(trials)
    waiting = latency_lib.none_waiting(trials, latency)
    doubts: list[np.ndarray] = []
    step = 0
    while True:
        playing = np.flatnonzero(~np.asarray(rows.ended))
        if on_progress is not None:
            on_progress(trials - len(playing))
        if not len(playing):
            return jax.tree.map(np.asarray, rows), np.concatenate(doubts)
        if step % trials_lib.CHUNK == 0:
            act_key, chunk_key = jax.random.split(act_key)
            keys = jax.random.split(chunk_key, trials_lib.CHUNK)
        poses = _look(eye, state, looks, playing, step)
        doubts.append(poses.doubt)
        key = keys[step % trials_lib.CHUNK]
        loop = state, carry, first, waiting, rows
        state, carry, first, waiting, rows = _advance(
            env, greedy, agent, loop, *_of_all(poses, trials, playing), key
        )
        step += 1


def _look(eye: Eye, state: EnvState, looks: Any, playing: np.ndarray, step: int) -> Poses:
    """Pose estimates for the ongoing trials."""
    qpos = np.asarray(state.episode.physics.qpos)[playing]
    shown = jax.tree.map(lambda x: x[playing], looks)
    pictures = eye.views.render(qpos, shown)
    # Pad to a power of two, so that the rest is compiled for few batch sizes.
    rows = np.minimum(np.arange(1 << (len(playing) - 1).bit_length()), len(playing) - 1)
    seen = eye.source.vary(step * len(looks.table) + playing[rows], pictures[rows])
    poses = eye.estimator.estimate_normal(np.asarray(seen))
    return Poses(*(values[: len(playing)] for values in poses))


def _of_all(poses: Poses, trials: int, playing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions `[trials, 3]` m and orientations `[trials, 4]`; arbitrary for ended trials."""
    position = np.zeros((trials, 3), np.float32)
    orientation = np.tile(np.array([1.0, 0, 0, 0], np.float32), (trials, 1))
    position[playing], orientation[playing] = poses.position, poses.orientation
    return position, orientation


@functools.partial(jax.jit, static_argnums=(0, 1))
def _advance(env, greedy, agent, loop, position, orientation, key):
    state, carry, first, waiting, rows = loop
    seen = env.with_pose(state, position, orientation)
    told, waiting = latency_lib.delay(env, seen, waiting, first)
    numbers = jnp.arange(position.shape[0])
    keys = None if greedy else jax.vmap(jax.random.fold_in, (None, 0))(key, numbers)
    action, carry = agent.act(told.observation.policy, carry, first, keys)
    state, outcome = env.step(state, action)
    return state, carry, outcome.done, waiting, trials_lib.count(rows, outcome)
