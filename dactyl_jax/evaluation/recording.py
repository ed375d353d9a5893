"""A stretch of an agent at work, and its video with the goal beside the hand."""

import dataclasses
import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dactyl_jax import hand
from dactyl_jax.envs import Reorientation
from dactyl_jax.learning import Agent

_CANDIDATES = 16  # environments of which the recording takes the one that reaches most goals


@dataclasses.dataclass(frozen=True)
class Recording:
    """One environment, a row a control step.

    Attributes:
        qpos: `[time, 31]`, joint angles and the object's pose in the world.
        goal: `[time, 4]`, the goal's orientation in the world.
        goals: `[time]`, goals reached in a row so far.
        drops: drops in all.
    """

    qpos: np.ndarray
    goal: np.ndarray
    goals: np.ndarray
    drops: int


def record(
    env: Reorientation, agent: Agent, *, seed: int, goal_distance: float, seconds: float
) -> Recording:
    """Records the best of a few environments: most goals, then fewest drops.

    Args:
        env: the task.
        agent: who acts.
        seed: of starts, goals and the agent's draws.
        goal_distance: largest angle of a new goal, rad; from pi on goals are uniform.
        seconds: simulated time.
    """
    steps = max(round(seconds / env.control_dt), 1)
    key = jax.random.key(seed)
    qpos, goal, goals, reached, drops = jax.tree.map(
        np.asarray, _run(env, steps, agent, key, jnp.float32(goal_distance))
    )
    best = int(np.argmax(reached - 0.5 * drops))
    return Recording(qpos[:, best], goal[:, best], goals[:, best], int(drops[best]))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _run(env, steps, agent, key, goal_distance):
    start_key, act_key = jax.random.split(key)
    state = env.reset(start_key, _CANDIDATES, goal_distance)
    loop = state, agent.initial_carry(_CANDIDATES), jnp.ones(_CANDIDATES, bool)

    def step(loop, key):
        state, carry, first = loop
        keys = jax.random.split(key, _CANDIDATES)
        action, carry = agent.act(state.observation.policy, carry, first, keys)
        state, outcome = env.step(state, action, goal_distance)
        row = state.physics.qpos, env.goal_in_world(state), state.goals
        return (state, carry, outcome.done), (*row, outcome.goal_reached, outcome.dropped)

    _, (qpos, goal, goals, reached, dropped) = jax.lax.scan(
        step, loop, jax.random.split(act_key, steps)
    )
    return qpos, goal, goals, jnp.sum(reached, axis=0), jnp.sum(dropped, axis=0)


def sample(recording: Recording, rows: np.ndarray) -> Recording:
    """A recording at other moments, with poses interpolated.

    Args:
        recording: to read between the rows of.
        rows: `[time]`, control steps since its first row, and fractions of them; within it.
    """
    low = np.floor(rows).astype(int)
    before = recording.qpos[low]
    after = recording.qpos[np.minimum(low + 1, len(recording.qpos) - 1)]
    # Of a quaternion and its negative, which are one orientation, the one that is nearer.
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
        recording: of `env`.
        path: ends in `.mp4` or `.webp`.
        env: says which object it was and how the palm is tilted.
        width, height: of the picture, pixels; even numbers.
        fps: pictures a second, by default one a control step; see `sample`.
    """
    import warp  # slow to import, like the ray tracer that stands on it

    warp.config.log_level = warp.LOG_ERROR
    from dactyl_jax.rendering import Renderer, write_video

    config = env.config.env
    model = hand.load_model(
        config.object, tilt=config.tilt, finger_collisions=config.finger_collisions, goal=True
    )
    fps = fps or 1 / env.control_dt
    rows = np.arange(0, len(recording.qpos) - 0.999, 1 / (fps * env.control_dt))
    recording = sample(recording, rows)
    frames = Renderer(model, width, height).render(recording.qpos, recording.goal)
    times = (rows + 1) * env.control_dt
    labelled = (
        _label(frame, f"{time:5.1f} s    goals in a row: {goals}")
        for frame, time, goals in zip(frames, times, recording.goals, strict=True)
    )
    write_video(path, labelled, fps)


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
