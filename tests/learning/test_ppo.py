import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax.learning import categorical, normalization, ppo
from dactyl_jax.learning.networks import make_networks
from dactyl_jax.learning.rollout import initial_actors, rollout
from tests.learning import toy


@functools.cache
def _recorded(memory):
    """Returns a partly trained learner, so that no weight or statistic hides a difference."""
    config, env = toy.config(), toy.Recall()
    config.network.memory = config.network.value_memory = memory
    networks = make_networks(config, env)
    learner = ppo.initial_learner(config, networks, jax.random.key(0))
    parameters = jax.tree.map(lambda x: 1.5 * x, learner.parameters)
    parameters["policy"]["head"]["kernel"] *= 100.0
    observations = jax.random.normal(jax.random.key(5), (9, 4))
    normalizers = dataclasses.replace(
        learner.normalizers,
        policy_observation=normalization.update(
            learner.normalizers.policy_observation, observations
        ),
        value_target=normalization.update(learner.normalizers.value_target, jnp.array([1.0, 3.0])),
    )
    learner = dataclasses.replace(learner, parameters=parameters, normalizers=normalizers)
    actors = initial_actors(networks, env.reset(jax.random.key(1), 8, 0.9), 8)
    keys = jax.random.split(jax.random.key(2), 8)
    run = jax.jit(rollout, static_argnums=(0, 1, 6, 7))
    _, trajectory, _ = run(env, networks, parameters, normalizers, actors, keys, 2, 8)
    return networks, learner, trajectory


def _setup(memory=True, **ppo_fields):
    return toy.config(**ppo_fields), *_recorded(memory)


def _batch(trajectory):
    return ppo._batch(trajectory, trajectory.reward, trajectory.reward)


@pytest.mark.parametrize("memory", [True, False])
def test_roll_out_and_training_give_the_same_log_probabilities(memory):
    config, networks, learner, trajectory = _setup(memory)
    inside = np.asarray(trajectory.first)[:, 1:]
    assert inside.any(), "an episode must end inside a chunk"
    batch = ppo._choose(_batch(trajectory), jnp.array([13, 2, 7, 8, 0, 15]))
    output, _ = networks.policy.apply(
        learner.parameters["policy"],
        learner.normalizers.policy_observation,
        batch.policy_observation,
        batch.first,
        batch.policy_carry,
    )
    logits = categorical.split(output, networks.num_bins)
    again = categorical.log_probability(categorical.log_probabilities(logits), batch.action)
    assert np.std(again) > 0.1
    np.testing.assert_allclose(again, batch.log_probability, atol=1e-5)
    _, metrics = ppo.loss(config, networks, learner.parameters, learner.normalizers, batch)
    assert metrics["clip_share"] == 0
    assert abs(metrics["kl"]) < 1e-8


def test_a_chunk_stays_whole_in_a_minibatch():
    _, _, _, trajectory = _setup()
    batch = ppo._choose(_batch(trajectory), jnp.array([11]))  # chunk 1 of environment 3
    np.testing.assert_array_equal(batch.action[:, 0], trajectory.action[1, :, 3])
    np.testing.assert_array_equal(batch.policy_carry[0][0], trajectory.policy_carry[0][1, 3])
    np.testing.assert_array_equal(batch.value_carry[1][0], trajectory.value_carry[1][1, 3])


@pytest.mark.parametrize(("num_chunks", "num_envs"), [(2, 6), (4, 5), (3, 8)])
def test_a_pass_takes_every_chunk_once(num_chunks, num_envs):
    passes, minibatches = 3, 4
    orders = ppo._orders(jax.random.key(0), passes, minibatches, num_chunks, num_envs)
    each = np.asarray(orders).reshape(passes, -1)
    np.testing.assert_array_equal(
        np.sort(each), np.tile(np.arange(num_chunks * num_envs), (passes, 1))
    )
    assert len({row.tobytes() for row in each}) == passes, "each pass has an order of its own"


def test_minibatches_have_equally_many_chunks_of_each_group_of_environments():
    orders = np.asarray(ppo._orders(jax.random.key(0), 2, 4, 2, 6))  # groups of two environments
    groups = np.sort(orders % 6 // 2)
    np.testing.assert_array_equal(groups, np.tile([0, 1, 2], (8, 1)))


def test_environments_that_make_no_whole_groups_are_refused():
    with pytest.raises(ValueError, match=r"minibatches is 4; with 2 chunks .* a multiple of 2"):
        ppo._orders(jax.random.key(0), 1, 4, 2, 5)


def test_the_surrogate_is_clipped():
    config, networks, learner, trajectory = _setup()
    batch = _batch(trajectory)
    shift = jnp.where(batch.advantage > 0.5, np.log(1.5), np.log(0.5))
    advantage = jnp.where(batch.advantage > 0.5, 1.0, -1.0)
    batch = dataclasses.replace(
        batch, log_probability=batch.log_probability - shift, advantage=advantage
    )
    _, metrics = ppo.loss(config, networks, learner.parameters, learner.normalizers, batch)
    normalized = (advantage - advantage.mean()) / advantage.std()
    expected = -np.where(advantage > 0, 1.2, 0.8) * normalized  # r = 1.5 and 0.5, both clipped
    np.testing.assert_allclose(metrics["policy_loss"], expected.mean(), rtol=1e-4)
    assert metrics["clip_share"] == 1
    ratio = np.where(advantage > 0, 1.5, 0.5)
    np.testing.assert_allclose(metrics["kl"], (ratio - 1 - np.log(ratio)).mean(), rtol=1e-4)


def test_the_loss_is_made_of_its_parts():
    config, networks, learner, trajectory = _setup(value_coefficient=0.7, entropy=0.03)
    batch = _batch(trajectory)
    total, parts = ppo.loss(config, networks, learner.parameters, learner.normalizers, batch)
    predicted = ppo._batch(trajectory, trajectory.value, trajectory.value).target
    value = normalization.normalize(learner.normalizers.value_target, predicted)
    np.testing.assert_allclose(
        parts["value_loss"], 0.5 * jnp.mean((value - batch.target) ** 2), rtol=1e-4
    )
    expected = parts["policy_loss"] + 0.7 * parts["value_loss"] - 0.03 * parts["entropy"]
    np.testing.assert_allclose(total, expected, rtol=1e-6)


def test_value_targets_are_normalized_by_statistics_that_include_them():
    config, networks, learner, trajectory = _setup()
    after, metrics = ppo.update(config, networks, learner, trajectory, jax.random.key(0))
    statistics = after.normalizers.value_target
    assert statistics.count == 2 + 16 * 8
    assert after.normalizers.policy_observation.count == 9 + 16 * 8
    assert set(metrics) == {
        "loss",
        "policy_loss",
        "value_loss",
        "entropy",
        "kl",
        "clip_share",
        "explained_variance",
        "gradient_norm",
        "learning_rate",
        "skipped_updates",
    }
    assert metrics["kl"] > 0
    assert metrics["skipped_updates"] == 0


def test_an_update_that_is_not_finite_is_skipped_and_counted():
    config, networks, learner, trajectory = _setup(passes=1, minibatches=16)
    broken = dataclasses.replace(trajectory, reward=trajectory.reward.at[1, 7, 3].set(jnp.nan))
    after, metrics = ppo.update(config, networks, learner, broken, jax.random.key(0))
    # One chunk per minibatch: the NaN corrupts chunk 1 of environment 3, and chunk 0 unless an
    # episode ended in between. Target statistics skip NaN, so all other chunks still learn.
    assert 1 <= metrics["skipped_updates"] <= 2
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(after))
    moved = jax.tree.map(lambda a, b: np.abs(a - b).max(), after.parameters, learner.parameters)
    assert max(jax.tree.leaves(moved)) > 0


def test_the_learning_rate_follows_the_kl():
    config = toy.config(schedule="adaptive", kl_low=0.01, kl_high=0.02)
    rate = jnp.float32(1e-3)
    following = lambda kl: float(ppo._next_learning_rate(config, rate, jnp.float32(kl)))  # noqa: E731
    np.testing.assert_allclose(following(0.03), 1e-3 / 1.3, rtol=1e-6)
    np.testing.assert_allclose(following(0.005), 1e-3 * 1.3, rtol=1e-6)
    np.testing.assert_allclose(following(0.015), 1e-3, rtol=1e-6)
    rate = jnp.float32(ppo.LEARNING_RATE_BOUNDS[1])
    np.testing.assert_allclose(following(0.0), rate)
    config.ppo.schedule = "fixed"
    np.testing.assert_allclose(following(0.5), rate)


def test_chunks_that_do_not_divide_are_refused():
    config, networks, learner, trajectory = _setup(minibatches=5)
    with pytest.raises(ValueError, match=r"minibatches is 5; with 2 chunks .* a multiple of 5\."):
        ppo.update(config, networks, learner, trajectory, jax.random.key(0))


def test_explained_variance():
    target = jnp.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(ppo.explained_variance(target + 5.0, target), 1.0, atol=1e-6)
    np.testing.assert_allclose(ppo.explained_variance(jnp.zeros(3), target), 0.0, atol=1e-6)
