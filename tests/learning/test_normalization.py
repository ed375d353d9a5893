import jax.numpy as jnp
import numpy as np

from dactyl_jax.learning import normalization


def test_batches_merge_to_the_statistics_of_all_samples():
    samples = np.random.default_rng(0).normal([3.0, -200.0], [0.01, 40.0], (6, 50, 2))
    statistics = normalization.initial((2,))
    for batch in samples.astype(np.float32):
        statistics = normalization.update(statistics, jnp.asarray(batch))
    everything = samples.reshape(-1, 2)
    assert statistics.count == 300
    np.testing.assert_allclose(statistics.mean, everything.mean(0), rtol=1e-5)
    np.testing.assert_allclose(statistics.variance, everything.var(0), rtol=1e-3)


def test_float32_holds_at_a_billion_samples():
    generator = np.random.default_rng(0)
    statistics = normalization.Statistics(
        jnp.float32(1e9), jnp.array([10.0, 0.0]), jnp.array([1.0, 1.0])
    )
    for _ in range(100):
        batch = generator.normal([10.0, 50.0], [1.0, 1.0], (16384, 2)).astype(np.float32)
        statistics = normalization.update(statistics, jnp.asarray(batch))
    share = 100 * 16384 / (1e9 + 100 * 16384)
    np.testing.assert_allclose(statistics.count, 1e9 + 100 * 16384, rtol=1e-6)
    np.testing.assert_allclose(statistics.mean, [10.0, 50.0 * share], rtol=1e-3)
    np.testing.assert_allclose(
        statistics.variance, [1.0, 1.0 + 2500 * share * (1 - share)], rtol=1e-3
    )


def test_inputs_are_clipped_at_five_deviations_and_constants_stay_at_zero():
    statistics = normalization.Statistics(
        jnp.float32(10.0), jnp.array([1.0, 2.0]), jnp.array([4.0, 0.0])
    )
    observation = jnp.array([[3.0, 2.0], [100.0, 2.0], [-100.0, 2.0]])
    np.testing.assert_allclose(
        normalization.normalize_and_clip(statistics, observation),
        [[1.0, 0.0], [5.0, 0.0], [-5.0, 0.0]],
    )


def test_denormalize_inverts_normalize():
    statistics = normalization.Statistics(jnp.float32(10.0), jnp.float32(7.0), jnp.float32(9.0))
    values = jnp.array([-2.0, 40.0])
    round_trip = normalization.denormalize(statistics, normalization.normalize(statistics, values))
    np.testing.assert_allclose(round_trip, values, rtol=1e-6)


def test_a_batch_that_is_not_finite_is_left_out():
    statistics = normalization.update(normalization.initial((1,)), jnp.array([[1.0], [3.0]]))
    after = normalization.update(statistics, jnp.array([[1.0], [jnp.nan]]))
    assert after.count == 2
    np.testing.assert_allclose(after.mean, [2.0])
