"""Goals lie where the curriculum wants them."""

import jax
import jax.numpy as jnp
import numpy as np

from dactyl_jax.envs import goals
from dactyl_jax.hand import rotations

NUM = 4000
KEYS = jax.random.split(jax.random.key(0), NUM)
NOW = jax.vmap(lambda key: rotations.random(key))(jax.random.split(jax.random.key(1), NUM))


def test_near_goals_lie_between_nearest_and_farthest_about_any_axis():
    goal = goals.draw(KEYS, NOW, jnp.float32(0.9))
    angle = np.asarray(goals.distance(goal, NOW))
    assert 0.5 - 1e-3 <= angle.min() < 0.51 and 0.89 < angle.max() <= 0.9 + 1e-3
    turn = np.asarray(rotations.multiply(goal, rotations.conjugate(NOW)))
    axis = turn[:, 1:] * np.sign(turn[:, :1])
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    np.testing.assert_allclose(axis.T @ axis / NUM, np.eye(3) / 3, atol=0.03)
    np.testing.assert_allclose(axis.mean(axis=0), 0.0, atol=0.04)


def test_from_pi_on_goals_are_uniform_over_orientations():
    goal = goals.draw(KEYS, NOW, jnp.float32(np.pi))
    angle = np.asarray(goals.distance(goal, NOW))
    # The angle of a uniformly random rotation has density (1 - cos a) / pi.
    grid = np.array([1.0, 1.5, 2.0, 2.5])
    expected = (grid - np.sin(grid)) / np.pi
    np.testing.assert_allclose([np.mean(angle < g) for g in grid], expected, atol=0.03)


def test_distance_ignores_the_quaternions_sign():
    np.testing.assert_allclose(goals.distance(-NOW, NOW), 0.0, atol=1e-3)
