import jax
import jax.numpy as jnp
import numpy as np

from dactyl_jax.learning import categorical


def _logits(*shape):
    return jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)


def test_log_probability_is_the_sum_over_actuators():
    logits = _logits(2, 4, 3)
    action = jnp.array([[0, 1, 3], [2, 2, 0]])
    chosen = categorical.log_probability(categorical.log_probabilities(logits), action)
    x = np.asarray(logits, np.float64)
    reference = x - np.log(np.exp(x).sum(1, keepdims=True))
    expected = [sum(reference[e, action[e, k], k] for k in range(3)) for e in range(2)]
    np.testing.assert_allclose(chosen, expected, rtol=1e-5)


def test_entropy_of_the_uniform_distribution():
    uniform = categorical.log_probabilities(jnp.zeros((1, 11, 20)))
    np.testing.assert_allclose(categorical.entropy(uniform), 20 * np.log(11), rtol=1e-5)


def test_samples_follow_the_probabilities():
    logits = _logits(1, 5, 2)
    num = 20000
    keys = jax.random.split(jax.random.key(0), num)
    actions = categorical.sample(keys, jnp.broadcast_to(logits, (num, 5, 2)))
    frequency = jnp.mean(jax.nn.one_hot(actions, 5, axis=1), axis=0)
    np.testing.assert_allclose(frequency, jax.nn.softmax(logits[0], axis=0), atol=0.015)


def test_impossible_bins_are_never_drawn():
    logits = jnp.full((1000, 4, 1), -jnp.inf).at[:, 1:3].set(0.0)
    actions = categorical.sample(jax.random.split(jax.random.key(1), 1000), logits)
    assert set(np.unique(actions)) == {1, 2}


def test_an_environment_draws_from_its_own_key():
    keys = jax.random.split(jax.random.key(0), 8)
    logits = _logits(8, 11, 20)
    np.testing.assert_array_equal(
        categorical.sample(keys, logits)[2:4], categorical.sample(keys[2:4], logits[2:4])
    )


def test_ordinal_logits_by_their_definition():
    output = _logits(3, 2, 5 * 4)
    logits = categorical.split(categorical.ordinal(output, 5), 5)
    x = np.asarray(output, np.float64).reshape(3, 2, 5, 4)
    beyond, below = -np.log1p(np.exp(-x)), -np.log1p(np.exp(x))
    for k in range(5):
        expected = beyond[:, :, : k + 1].sum(2) + below[:, :, k + 1 :].sum(2)
        same_for_all_bins = below.sum(2)
        np.testing.assert_allclose(logits[:, :, k], expected - same_for_all_bins, atol=1e-5)


def test_an_ordinal_head_starts_uniform_and_moves_neighbours_along():
    probability = lambda output: jax.nn.softmax(categorical.ordinal(output, 11))  # noqa: E731
    np.testing.assert_allclose(probability(jnp.zeros(11)), 1 / 11, rtol=1e-5)
    slope = jax.grad(lambda output: jnp.log(probability(output)[8]))(jnp.zeros(11))
    moved = probability(0.1 * slope)
    assert np.all(np.diff(moved[:9]) > -1e-7) and np.all(np.diff(moved[8:]) < 0)


def test_mode_and_split():
    output = jnp.zeros((1, 6)).at[0, 4].set(1.0)  # two actuators; bin 2 of actuator 0
    np.testing.assert_array_equal(categorical.mode(categorical.split(output, 3)), [[2, 0]])
