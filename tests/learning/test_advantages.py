import jax.numpy as jnp
import numpy as np

from dactyl_jax.learning.advantages import generalized_advantages


def test_time_outs_bootstrap_and_true_ends_do_not():
    """Three steps by hand, discount 0.5, lambda 0.5.

    Environment 0 is cut by a time-out after step 1, where the state before the reset was worth 8;
    environment 1 truly ends there.
    """
    reward = jnp.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    value = jnp.array([[2.0, 2.0], [4.0, 4.0], [6.0, 6.0]])
    next_value = jnp.array([[4.0, 4.0], [8.0, 0.0], [10.0, 10.0]])
    done = jnp.array([[False, False], [True, True], [False, False]])
    advantage, target = generalized_advantages(reward, value, next_value, done, 0.5, 0.5)
    # delta: 1 + 2 - 2 = 1;  2 + 4 - 4 = 2 or 2 + 0 - 4 = -2;  3 + 5 - 6 = 2
    # A_2 = 2; A_1 = delta_1 as the episode ended; A_0 = 1 + 0.25 A_1
    expected = np.array([[1.5, 0.5], [2.0, -2.0], [2.0, 2.0]])
    np.testing.assert_allclose(advantage, expected)
    np.testing.assert_allclose(target, expected + np.asarray(value))


def test_lambda_one_gives_discounted_returns():
    reward = jnp.array([[1.0], [1.0], [1.0]])
    value = jnp.zeros((3, 1))
    next_value = jnp.array([[0.0], [0.0], [4.0]])
    advantage, _ = generalized_advantages(
        reward, value, next_value, jnp.zeros((3, 1), bool), 0.5, 1.0
    )
    np.testing.assert_allclose(advantage[:, 0], [1 + 0.5 + 0.25 + 0.5, 1 + 0.5 + 1.0, 1 + 2.0])
