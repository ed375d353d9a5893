"""All engines simulate the same task with every term on: open-loop episodes have equal results."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax import config as config_lib
from dactyl_jax import envs, hand, physics

EPISODES, STEPS = 200, 40
NEAR = jnp.float32(0.9)


@functools.cache
def _play(engine: str) -> dict[str, np.ndarray]:
    """Returns goals, drops and mean contact force (N) of 200 open-loop episodes of 3.2 s."""
    config = config_lib.default()
    config.engine = engine
    config.randomization = "all"
    config.env.bank_size = EPISODES
    config.env.action = "absolute"
    config.env.tilt = 0.3  # so that some objects drop
    env = envs.make_environment(config)
    actions = jax.random.randint(jax.random.key(1), (STEPS, EPISODES, 20), 0, 11)

    @jax.jit
    def play(state):
        def step(state, action):
            state, outcome = env.step(state, action)
            force = jnp.linalg.norm(outcome.contact_force, axis=-1)
            return state, (outcome.goal_reached, outcome.dropped, force, outcome.overflow)

        return jax.lax.scan(step, state, actions)[1]

    goals, drops, force, overflow = map(
        np.asarray, play(env.reset(jax.random.key(0), EPISODES, NEAR))
    )
    assert not overflow.any()
    return {
        "goals": goals.sum(axis=0),
        "drops": drops.sum(axis=0),
        "contact force": force.mean(axis=0),
    }


@pytest.mark.slow
@pytest.mark.parametrize("engine", [name for name in physics.ENGINES if name != "native"])
@pytest.mark.parametrize("what", ["goals", "drops", "contact force"])
def test_open_loop_episodes_agree_with_the_native_engine(engine, what):
    ours, native = _play(engine)[what], _play("native")[what]
    # Contacts make single episodes diverge; means must lie within 99% intervals.
    deviation = np.sqrt((ours.var(ddof=1) + native.var(ddof=1)) / EPISODES)
    assert abs(ours.mean() - native.mean()) < 2.58 * deviation
    assert native.mean() > 0.05  # otherwise the comparison is empty


def _one_step_in_free_fall(engine: str) -> tuple[envs.EnvState, envs.Outcome]:
    """Takes one control step with the object in free fall, 10 cm above its initial height."""
    config = config_lib.default()
    config.engine = engine
    config.randomization = "all"
    config.env.bank_size = 8
    config.env.action = "absolute"
    env = envs.make_environment(config)
    height = hand.layout(env.engine.model).object_qpos[2]
    state = env.reset(jax.random.key(0), 4, NEAR)
    qpos = state.episode.physics.qpos.at[:, height].add(0.1)
    qvel = jnp.zeros_like(state.episode.physics.qvel)
    lifted = dataclasses.replace(state.episode.physics, qpos=qpos, qvel=qvel)
    action = jax.random.randint(jax.random.key(1), (4, 20), 4, 7)
    return jax.jit(env.step)(state.with_episode(physics=lifted), action)


@pytest.mark.slow
@pytest.mark.parametrize("engine", [name for name in physics.ENGINES if name != "native"])
def test_observations_rewards_and_targets_agree_with_the_native_engine(engine):
    ours, outcome = _one_step_in_free_fall(engine)
    native, expected = _one_step_in_free_fall("native")
    assert not np.any(expected.done)
    np.testing.assert_allclose(ours.episode.physics.ctrl, native.episode.physics.ctrl, atol=1e-6)
    np.testing.assert_allclose(ours.episode.goal, native.episode.goal, atol=1e-6)
    np.testing.assert_allclose(ours.observation.policy, native.observation.policy, atol=1e-5)
    np.testing.assert_allclose(outcome.reward, expected.reward, atol=1e-5)
    np.testing.assert_allclose(outcome.distance, expected.distance, atol=1e-5)
