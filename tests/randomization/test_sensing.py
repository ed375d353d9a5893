"""Sensing errors have the stated deviations, per episode and per step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax import config as config_lib
from dactyl_jax.hand import rotations
from dactyl_jax.randomization import sensing

NUM = 10_000


@pytest.fixture(scope="module")
def law():
    return config_lib.default().terms.observation_noise


@pytest.fixture(scope="module")
def keys():
    return jax.random.split(jax.random.key(0), NUM)


def _identity():
    orientation = jnp.tile(jnp.array([1.0, 0.0, 0.0, 0.0]), (NUM, 1))
    return jnp.zeros((NUM, 5, 3)), jnp.zeros((NUM, 3)), orientation


def test_episode_errors(law, keys):
    offsets = sensing.draw_offsets(keys, law)
    assert np.std(offsets.fingertips) == pytest.approx(0.001, rel=0.03)
    assert np.std(offsets.position) == pytest.approx(0.005, rel=0.03)
    angle = np.asarray(rotations.angle(offsets.rotation))
    assert np.sqrt(np.mean(angle**2)) == pytest.approx(0.1, rel=0.03)


def test_step_errors_add_to_the_episodes(law, keys):
    offsets = sensing.draw_offsets(keys, law)
    noise_keys = jax.random.split(jax.random.key(1), NUM)
    tips, position, orientation = sensing.observe(noise_keys, offsets, *_identity(), law)
    assert np.std(tips - offsets.fingertips) == pytest.approx(0.002, rel=0.03)
    assert np.std(position - offsets.position) == pytest.approx(0.001, rel=0.03)
    step = rotations.multiply(orientation, rotations.conjugate(offsets.rotation))
    angle = np.asarray(rotations.angle(step))
    assert np.sqrt(np.mean(angle**2)) == pytest.approx(0.1, rel=0.03)


def test_rotation_axes_are_uniform(law, keys):
    rotation = np.asarray(sensing.draw_offsets(keys, law).rotation)
    axis = rotation[:, 1:] / np.linalg.norm(rotation[:, 1:], axis=1, keepdims=True)
    np.testing.assert_allclose(axis.T @ axis / NUM, np.eye(3) / 3, atol=0.02)
    np.testing.assert_allclose(axis.mean(axis=0), 0.0, atol=0.02)


def test_an_environments_error_depends_on_its_key_alone(law, keys):
    some = sensing.draw_offsets(keys[5:8], law)
    every = sensing.draw_offsets(keys, law)
    np.testing.assert_array_equal(some.position, every.position[5:8])
