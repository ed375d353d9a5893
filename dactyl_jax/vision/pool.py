"""A pool of simulated states from which frames are drawn, with realistic occlusion by fingers.

Half come from the policy's episodes, a quarter from episodes with random actions. The last quarter
starts with the object anywhere above the palm in any orientation, and records its fall.
"""

import dataclasses
import functools
import hashlib
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import hand, physics
from dactyl_jax.cache import kept_on_disk
from dactyl_jax.envs import EnvState, Reorientation, bank
from dactyl_jax.envs.drop import BOX, dropped
from dactyl_jax.learning import Agent

SHARES = {"policy": 0.5, "random": 0.25, "scattered": 0.25}
_EVERY = 5  # control steps between two states of one episode: 0.4 s
_ENVIRONMENTS = 128
_FALL_STEPS = 8  # physics steps, 64 ms, between two states of a fall
_FALL_STATES = 10
_HEIGHTS = (0.03, 0.12)  # m above the palm's surface from which the object is dropped
_KEPT = 8


@dataclasses.dataclass(frozen=True)
class Pool:
    """States and their sources.

    Attributes:
        qpos: `[N, nq]` float32, joint angles and the object's pose in the world frame.
        source: `[N]` int32, index in `SHARES`.
    """

    qpos: np.ndarray
    source: np.ndarray


def collect(
    task: ConfigDict,
    prepare: Callable[[], tuple[Reorientation, Mapping[str, Agent]]],
    agents: str,
    *,
    count: int,
    seed: int,
) -> Pool:
    """Collects states of simulated episodes; cached on disk.

    Args:
        task: configuration of the environment.
        prepare: makes the environment, on the native engine, and the agents `policy` and `random`;
            called only if the states are not cached.
        agents: a digest that identifies the agents.
        count: number of states.
        seed: seed of all random draws.
    """
    follows_from = {
        "pool": Path(__file__).read_text(encoding="utf-8"),
        "code": bank.digest(hand.load_model(task.env.object, tilt=task.env.tilt)),
        "task": task.to_json_best_effort(sort_keys=True),
        "agents": agents,
        "count": count,
        "seed": seed,
        "shares": SHARES,
    }
    key = hashlib.sha256(json.dumps(follows_from, sort_keys=True).encode()).hexdigest()

    def make() -> Pool:
        env, players = prepare()
        return _collect(env, players, count, seed)

    return kept_on_disk("states", key, ".npz", make, _encode, _decode, keep=_KEPT)


def _collect(env: Reorientation, agents: Mapping[str, Agent], count: int, seed: int) -> Pool:
    numbers = [round(count * share) for share in SHARES.values()]
    numbers[0] += count - sum(numbers)
    parts = [
        _episodes(env, agents[name], number, [seed, place])
        for place, (name, number) in enumerate(zip(agents, numbers, strict=False))
    ]
    parts.append(_scattered(env, np.concatenate(parts), numbers[-1], seed))
    source = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part) for part in parts])
    return Pool(np.concatenate(parts), source)


def _episodes(env: Reorientation, agent: Agent, count: int, seed: list[int]) -> np.ndarray:
    """States of an agent's episodes, `[count, nq]`; each agent gets different starts."""
    rng = np.random.default_rng(seed)
    start_key, act_key = jax.random.split(jax.random.key(rng.integers(2**31)))
    state = _reset(env, start_key)
    loop = state, agent.initial_carry(_ENVIRONMENTS), jnp.ones(_ENVIRONMENTS, bool)
    rows = []
    for number in range(-(-count // _ENVIRONMENTS)):
        loop, qpos = _advance(env, agent, loop, jax.random.fold_in(act_key, number))
        rows.append(np.asarray(qpos))
    chosen = rng.permutation(len(rows) * _ENVIRONMENTS)[:count]
    return np.concatenate(rows)[chosen]


@functools.partial(jax.jit, static_argnums=0)
def _reset(env: Reorientation, key: jax.Array) -> EnvState:
    return env.reset(key, _ENVIRONMENTS, np.pi)


@functools.partial(jax.jit, static_argnums=0)
def _advance(env: Reorientation, agent: Agent, loop: Any, key: jax.Array) -> tuple[Any, jax.Array]:
    """Runs a few control steps; returns the states after them."""

    def step(loop, key):
        state, carry, first = loop
        action, carry = agent.act(
            state.observation.policy, carry, first, jax.random.split(key, _ENVIRONMENTS)
        )
        state, outcome = env.step(state, action)
        return (state, carry, outcome.done), None

    loop, _ = jax.lax.scan(step, loop, jax.random.split(key, _EVERY))
    return loop, loop[0].episode.physics.qpos


def _scattered(env: Reorientation, postures: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Drops the object anywhere above the palm of a hand that holds its posture, `[count, nq]`."""
    rng = np.random.default_rng([seed, len(SHARES)])
    model = env.engine.model
    layout = hand.layout(model)
    found: list[np.ndarray] = []
    while sum(map(len, found)) < count:
        falls = -(-count // _FALL_STATES)
        qpos = postures[rng.integers(len(postures), size=falls)].copy()
        offset = rng.uniform(BOX[:2, 0], BOX[:2, 1], (falls, 2)) * 0.8
        height = rng.uniform(*_HEIGHTS, (falls, 1))
        quaternion = rng.normal(size=(falls, 4))
        quaternion /= np.linalg.norm(quaternion, axis=1, keepdims=True)
        qpos[:, layout.object_qpos[:3]] = layout.palm_position + np.hstack([offset, height])
        qpos[:, layout.object_qpos[3:]] = quaternion
        state = physics.initial_state(model, falls)
        targets = qpos[:, layout.joint_qpos] @ layout.coupling.T
        state = dataclasses.replace(
            state, qpos=jnp.asarray(qpos), ctrl=jnp.asarray(targets, jnp.float32)
        )
        for _ in range(_FALL_STATES):
            state, info = env.engine.step({}, state, _FALL_STEPS)
            good = ~np.asarray(info.diverged) & ~np.asarray(dropped(layout, state))
            found.append(np.asarray(state.qpos)[good])
    return np.concatenate(found)[rng.permutation(sum(map(len, found)))[:count]]


def _encode(pool: Pool) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, qpos=pool.qpos, source=pool.source)
    return stream.getvalue()


def _decode(content: bytes) -> Pool:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return Pool(arrays["qpos"], arrays["source"])
