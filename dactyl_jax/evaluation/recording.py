"""Recordings of an agent, and their videos with the goal beside the hand."""

import dataclasses
import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dactyl_jax import hand
from dactyl_jax.envs import Outcome, Reorientation
from dactyl_jax.learning import Agent

_CANDIDATES = 16  # environments; the recording takes the one that reaches the most goals


@dataclasses.dataclass(frozen=True)
class Recording:
    """One environment, one row per control step.

    Attributes:
        qpos: `[time, 31]`, joint angles and the object's pose in the world frame.
        goal: `[time, 4]`, the goal's orientation in the world frame.
        goals: `[time]`, consecutive goals reached so far.
        drops: total number of drops.
    """

    qpos: np.ndarray
    goal: np.ndarray
    goals: np.ndarray
    drops: int


def record(
    env: Reorientation, agent: Agent, *, seed: int, goal_distance: float, seconds: float
) -> Recording:
    """Records the best of several environments: most goals, then fewest drops.

    Args:
        env: the task.
        agent: the agent.
        seed: seed of starts, goals and the agent's draws.
        goal_distance: largest angle of a new goal, rad; from pi on see `goals.draw`.
        seconds: simulated time.
    """
    played = play(
        env,
        agent,
        hands=_CANDIDATES,
        seed=seed,
        goal_distance=goal_distance,
        seconds=seconds,
    )
    reached, drops = played.outcome.goal_reached.sum(axis=0), played.outcome.dropped.sum(axis=0)
    best = int(np.argmax(reached - 0.5 * drops))
    return played.of(best)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Played:
    """Several hands in parallel, `[time, hand, ...]`; each row is the result of a control step.

    Where an episode ended, the row is the start of the next one.

    Attributes:
        qpos, goal, goals: as for `Recording`.
        outcome: outcome of the step.
    """

    qpos: np.ndarray
    goal: np.ndarray
    goals: np.ndarray
    outcome: Outcome

    def of(self, number: int) -> Recording:
        """The recording of one hand."""
        drops = int(self.outcome.dropped[:, number].sum())
        return Recording(self.qpos[:, number], self.goal[:, number], self.goals[:, number], drops)


def play(
    env: Reorientation,
    agent: Agent,
    *,
    hands: int,
    seed: int,
    goal_distance: float,
    seconds: float,
) -> Played:
    """Runs an agent; arguments as for `record`, and the number of hands."""
    steps = max(round(seconds / env.control_dt), 1)
    played = _run(env, steps, hands, agent, jax.random.key(seed), jnp.float32(goal_distance))
    return jax.tree.map(np.asarray, played)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _run(env, steps, hands, agent, key, goal_distance):
    start_key, act_key = jax.random.split(key)
    state = env.reset(start_key, hands, goal_distance)
    loop = state, agent.initial_carry(hands), jnp.ones(hands, bool)

    def step(loop, key):
        state, carry, first = loop
        keys = jax.random.split(key, hands)
        action, carry = agent.act(state.observation.policy, carry, first, keys)
        state, outcome = env.step(state, action)
        row = Played(
            state.episode.physics.qpos, env.goal_in_world(state), state.episode.goals, outcome
        )
        return (state, carry, outcome.done), row

    return jax.lax.scan(step, loop, jax.random.split(act_key, steps))[1]


def sample(recording: Recording, rows: np.ndarray) -> Recording:
    """Resamples a recording at other moments, with interpolated poses.

    Args:
        recording: recording to interpolate.
        rows: `[time]`, control steps since its first row, possibly fractional; within its range.
    """
    low = np.floor(rows).astype(int)
    before = recording.qpos[low]
    after = recording.qpos[np.minimum(low + 1, len(recording.qpos) - 1)]
    # A quaternion and its negative are the same orientation; take the nearer one.
    nearer = np.where(np.sum(before[:, -4:] * after[:, -4:], axis=1) < 0, -1, 1)
    after = np.concatenate([after[:, :-4], nearer[:, None] * after[:, -4:]], axis=1)
    qpos = before + (rows - low)[:, None] * (after - before)
    qpos[:, -4:] /= np.linalg.norm(qpos[:, -4:], axis=1, keepdims=True)
    return Recording(qpos, recording.goal[low], recording.goals[low], recording.drops)


def write_recording(
    recording: Recording,
    path: Path,
    env: Reorientation,
    *,
    width: int = 640,
    height: int = 480,
    fps: float | None = None,
) -> None:
    """Renders a recording in real time to an MP4 or a WebP, atomically.

    Args:
        recording: a recording of `env`.
        path: ends in `.mp4` or `.webp`.
        env: determines the object and the palm's tilt.
        width, height: size of the images, pixels; even numbers.
        fps: frames per second, by default one per control step; see `sample`.
    """
    from dactyl_jax.rendering import write_video

    fps = fps or 1 / env.control_dt
    rows = np.arange(0, len(recording.qpos) - 0.999, 1 / (fps * env.control_dt))
    recording = sample(recording, rows)
    frames = render(env, recording.qpos, recording.goal, width, height)
    times = (rows + 1) * env.control_dt
    labelled = (
        _label(frame, f"{time:5.1f} s    goals in a row: {goals}")
        for frame, time, goals in zip(frames, times, recording.goals, strict=True)
    )
    write_video(path, labelled, fps)


def render(
    env: Reorientation, qpos: np.ndarray, goal: np.ndarray, width: int, height: int
) -> np.ndarray:
    """Renders states of an environment, `[n, height, width, 3]` uint8.

    Args:
        env: determines the object and the palm's tilt.
        qpos: `[n, 31]`.
        goal: orientations in the world frame, `[n, 4]`.
        width, height: size of the images, pixels.
    """
    import warp  # slow to import, like the ray tracer that depends on it

    warp.config.log_level = warp.LOG_ERROR
    from dactyl_jax.rendering import Renderer

    config = env.config.env
    model = hand.load_model(
        config.object, tilt=config.tilt, finger_collisions=config.finger_collisions, goal=True
    )
    return Renderer(model, width, height).render(qpos, goal)


def _label(frame: np.ndarray, text: str) -> np.ndarray:
    picture = Image.fromarray(frame)
    size = max(frame.shape[0] // 24, 8)
    ImageDraw.Draw(picture).text(
        (size, size),
        text,
        fill="white",
        font=ImageFont.load_default(size),
        stroke_width=max(size // 10, 1),
        stroke_fill="black",
    )
    return np.asarray(picture)
