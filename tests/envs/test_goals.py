"""Goals have the distance that the curriculum sets."""

import jax
import jax.numpy as jnp
import numpy as np

from dactyl_jax import hand
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


def test_aligned_goals_are_the_24_upright_poses_turned_about_the_palms_normal():
    goal = goals.draw(KEYS, NOW, jnp.float32(np.pi), "aligned")
    matrix = np.asarray(rotations.matrix(goal))
    normal = hand.layout(hand.load_model(tilt=0.0))
    world_up = np.asarray(
        rotations.rotate(rotations.conjugate(normal.forearm_quaternion), [0, 0, 1.0])
    )
    np.testing.assert_allclose(world_up, [1, 0, 0], atol=1e-6)
    up = matrix.transpose(0, 2, 1) @ world_up  # the block axis that points up
    np.testing.assert_allclose(np.abs(up).max(axis=1), 1.0, atol=1e-5)
    face = np.abs(up).argmax(axis=1) + 3 * (up.sum(axis=1) < 0)
    np.testing.assert_allclose(np.bincount(face) / NUM, np.full(6, 1 / 6), atol=0.025)
    # The angle about the normal is uniform: no direction of a side is preferred.
    side = (face + 1) % 3
    across = np.take_along_axis(matrix, side[:, None, None], axis=2)[:, 1:, 0]
    yaw = np.arctan2(across[:, 1], across[:, 0])
    np.testing.assert_allclose(np.histogram(yaw, 4)[0] / NUM, 0.25, atol=0.03)
    np.testing.assert_array_equal(
        goals.draw(KEYS, NOW, jnp.float32(0.9), "aligned"), goals.draw(KEYS, NOW, jnp.float32(0.9))
    )


def test_distance_ignores_the_quaternions_sign():
    np.testing.assert_allclose(goals.distance(-NOW, NOW), 0.0, atol=1e-3)
