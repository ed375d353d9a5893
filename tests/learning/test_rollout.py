import functools

import jax
import jax.numpy as jnp
import numpy as np

from dactyl_jax.learning import ppo
from dactyl_jax.learning.networks import make_networks
from dactyl_jax.learning.rollout import initial_actors, rollout
from tests.learning import toy


@functools.cache
def _roll_out(num_envs=8, num_chunks=3, chunk=4):
    config, env = toy.config(), toy.Recall()
    networks = make_networks(config, env)
    learner = ppo.initial_learner(config, networks, jax.random.key(0))
    env_state = env.reset(jax.random.key(1), num_envs, jnp.float32(0.9))
    keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(2), jnp.arange(num_envs))
    actors = initial_actors(networks, env_state, num_envs)
    run = jax.jit(rollout, static_argnums=(0, 1, 6, 7))
    return run(
        env,
        networks,
        learner.parameters,
        learner.normalizers,
        actors,
        keys,
        num_chunks,
        chunk,
    )


def test_shapes_and_episode_starts():
    actors, trajectory, _ = _roll_out()
    assert trajectory.policy_observation.shape == (3, 4, 8, 4)
    assert trajectory.action.shape == (3, 4, 8, 2)
    assert trajectory.policy_carry[0].shape == (3, 8, 16)
    done = np.asarray(trajectory.done).reshape(12, 8)
    first = np.asarray(trajectory.first).reshape(12, 8)
    assert first[0].all()
    np.testing.assert_array_equal(first[1:], done[:-1])
    np.testing.assert_array_equal(actors.first, done[-1])


def test_next_values_within_an_episode_at_a_time_out_and_at_an_end():
    _, trajectory, _ = _roll_out()
    flat = lambda x: np.asarray(x).reshape(12, 8)  # noqa: E731
    value, next_value, done = map(flat, (trajectory.value, trajectory.next_value, trajectory.done))
    within = ~done[:-1]
    np.testing.assert_allclose(next_value[:-1][within], value[1:][within], atol=1e-6)
    lengths = np.asarray(trajectory.policy_observation).reshape(12, 8, 4)[..., -1] * 10 + 1
    cut = done & (np.round(lengths) % 2 == 0)
    assert cut.any()
    assert (done & ~cut).any()
    assert (next_value[done & ~cut] == 0).all()
    assert (next_value[cut] != 0).all()
    # The observation before the reset, not the one after it, is valued at a time-out.
    after_reset = value[1:][cut[:-1]]
    assert np.abs(next_value[:-1][cut[:-1]] - after_reset).min() > 1e-5


def test_chunks_start_from_the_recorded_memory():
    """Unrolling the value function over a later chunk reproduces the roll-out's values."""
    config, env = toy.config(), toy.Recall()
    networks = make_networks(config, env)
    learner = ppo.initial_learner(config, networks, jax.random.key(0))
    _, trajectory, _ = _roll_out()
    output, _ = networks.value.apply(
        learner.parameters["value"],
        learner.normalizers.value_observation,
        trajectory.value_observation[2],
        trajectory.first[2],
        jax.tree.map(lambda x: x[2], trajectory.value_carry),
    )
    np.testing.assert_allclose(output[..., 0], trajectory.value[2], atol=1e-6)


def test_an_environment_does_not_depend_on_how_many_there_are():
    _, few, _ = _roll_out(num_envs=4)
    _, many, _ = _roll_out(num_envs=8)
    np.testing.assert_array_equal(few.action, many.action[:, :, :4])
    np.testing.assert_array_equal(few.reward, many.reward[:, :, :4])


def test_events_count_what_the_record_shows():
    _, trajectory, events = _roll_out()
    assert events.goals == trajectory.reward.sum()
    assert events.episodes == trajectory.done.sum()
    assert events.drops + events.time_outs == events.episodes
    assert 0 < events.episode_goals <= events.goals
    np.testing.assert_allclose(events.reward, trajectory.reward.mean(), rtol=1e-6)
    np.testing.assert_allclose(events.minutes, 12 * 8 * 0.5 / 60)
