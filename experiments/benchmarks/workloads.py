"""Workloads of the benchmark: each is a blocking call and its number of control steps."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from dactyl_jax.envs import Reorientation
from dactyl_jax.learning import Trainer
from dactyl_jax.learning.rollout import rollout
from dactyl_jax.physics import Parameters, State

RECORDED_STEPS = 16  # length of a recording, control steps

Workload = tuple[Callable[[], None], int]


def recording(trainer: Trainer, env: Reorientation) -> tuple[Parameters, State]:
    """Returns physics parameters, states visited under random actions, and the controls applied."""
    num_envs = trainer.config.num_envs
    distance = trainer.initial_state().curriculum.goal_distance

    def step(state, key):
        action = jax.random.randint(key, (num_envs, env.num_actuators), 0, env.num_bins)
        after, outcome = env.step(state, action)
        controls = jnp.where(
            outcome.done[:, None], state.episode.physics.ctrl, after.episode.physics.ctrl
        )
        return after, dataclasses.replace(state.episode.physics, ctrl=controls)

    @jax.jit
    def record(key):
        start_key, act_key = jax.random.split(key)
        state = env.reset(start_key, num_envs, distance)
        _, recorded = jax.lax.scan(step, state, jax.random.split(act_key, RECORDED_STEPS))
        return state.episode.draw.parameters, recorded

    return jax.device_get(record(jax.random.key(trainer.config.seed)))


def physics(trainer: Trainer, env: Reorientation) -> Workload:
    """Steps the recorded states through the engine's interface, in one compiled loop."""
    config, engine = trainer.config, env.engine
    parameters, recorded = jax.tree.map(jnp.asarray, recording(trainer, env))

    @jax.jit
    def replay(parameters, recorded):
        def step(total, state):
            after, _ = engine.step(parameters, state, env.substeps)
            return total + jnp.sum(after.qpos), None

        return jax.lax.scan(step, jnp.float32(0), recorded)[0]

    return (
        lambda: jax.block_until_ready(replay(parameters, recorded)),
        RECORDED_STEPS * config.num_envs,
    )


def env_steps(trainer: Trainer, env: Reorientation) -> Workload:
    """Steps the task with random actions."""
    num_envs = trainer.config.num_envs
    start = trainer.initial_state().actors.env_state

    @jax.jit
    def advance(state, key):
        def step(state, key):
            action = jax.random.randint(key, (num_envs, env.num_actuators), 0, env.num_bins)
            state, outcome = env.step(state, action)
            return state, outcome.reward

        return jax.lax.scan(step, state, jax.random.split(key, RECORDED_STEPS))[0]

    loop = _Loop(advance, start)
    return loop, RECORDED_STEPS * num_envs


def policy_rollout(trainer: Trainer, env: Reorientation) -> Workload:
    """Rolls out the untrained policy in the task and records what learning needs."""
    config, state = trainer.config, trainer.initial_state()
    ppo, num_envs = config.ppo, config.num_envs

    @jax.jit
    def advance(actors, key):
        actors, trajectory, _ = rollout(
            env,
            trainer.networks,
            state.learner.parameters,
            state.learner.normalizers,
            actors,
            jax.random.split(key, num_envs),
            ppo.horizon // ppo.chunk,
            ppo.chunk,
        )
        return actors, trajectory

    def first(actors, key):
        return advance(actors, key)[0]

    return _Loop(first, state.actors), ppo.horizon * num_envs


def training(trainer: Trainer, env: Reorientation) -> Workload:
    """Runs whole training iterations; the trainer holds the environment."""
    del env
    loop = _Loop(lambda state, key: trainer.iteration(state)[0], trainer.initial_state())
    return loop, trainer.config.ppo.horizon * trainer.config.num_envs


class _Loop:
    """Calls a function repeatedly on its previous result, with a fresh key, and waits for it."""

    def __init__(self, function: Callable[[Any, Any], Any], state: Any):
        self._function, self._state, self._key = function, state, jax.random.key(1)

    def __call__(self) -> None:
        self._key, key = jax.random.split(self._key)
        self._state = jax.block_until_ready(self._function(self._state, key))


WORKLOADS = {
    "physics": physics,
    "env": env_steps,
    "rollout": policy_rollout,
    "train": training,
}
