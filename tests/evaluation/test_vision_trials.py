"""Trials in which cameras tell the pose: the same starts, what the policy is told, and when."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax import config as config_lib
from dactyl_jax.envs import make_environment
from dactyl_jax.evaluation import Eye, run_trials, run_vision_trials
from dactyl_jax.evaluation.vision_trials import _Delayed
from dactyl_jax.hand import rotations
from dactyl_jax.learning import RandomAgent
from dactyl_jax.rendering import Looks
from dactyl_jax.vision.estimator import Poses


@pytest.fixture(scope="module")
def env():
    config = config_lib.default()
    config.engine, config.num_envs, config.env.bank_size = "native", 4, 4
    config.ppo.minibatches = config.ppo.chunk = config.ppo.horizon = 1
    config.randomization = "none"
    config.env.goal_timeout_s = 0.8
    return make_environment(config)


class Clairvoyant:
    """Cameras and a network that see the true pose, and remember how often they looked."""

    def __init__(self, env):
        self._env = env
        self.looked: list[int] = []

    def render(self, qpos, looks):
        self.looked.append(len(qpos))
        layout = self._env._layout
        pose = qpos[:, layout.object_qpos]
        to_forearm = rotations.conjugate(jnp.asarray(layout.forearm_quaternion))
        position = rotations.rotate(to_forearm, pose[:, :3] - layout.forearm_position)
        return np.concatenate([position, rotations.multiply(to_forearm, pose[:, 3:])], axis=1)

    def draw_looks(self, numbers):
        return Looks(*[jnp.asarray(numbers)] * 12)

    def vary(self, numbers, pictures):
        return pictures

    def estimate_normal(self, pictures):
        return Poses(pictures[:, :3], pictures[:, 3:], np.zeros(len(pictures)))


@pytest.mark.slow
def test_a_true_pose_is_what_sensors_without_errors_say(env):
    state = env.reset(jax.random.key(0), 3, 0.9)
    true = env._read(state.physics)
    told = env.with_pose(state, true.position, true.orientation)
    np.testing.assert_allclose(told.observation.policy, state.observation.policy, atol=2e-6)
    np.testing.assert_array_equal(told.observation.value, state.observation.value)
    other = env.with_pose(state, true.position + 0.01, true.orientation)
    changed = np.asarray(other.observation.policy != told.observation.policy)
    np.testing.assert_array_equal(np.flatnonzero(changed.any(axis=0)), [15, 16, 17])


@pytest.mark.slow
def test_trials_start_and_end_as_with_the_state(env):
    agent = RandomAgent(env.num_actuators, env.num_bins)
    seer = Clairvoyant(env)
    how = {"trials": 3, "seed": 5, "goal_distance": 0.9}
    by_state = run_trials(env, agent, **how)
    by_eye = run_vision_trials(env, agent, Eye(seer, seer, seer, 1), **how)
    for name in ("steps", "goals", "timed_out", "dropped"):
        np.testing.assert_array_equal(getattr(by_eye, name), getattr(by_state, name))
    # It looks once a step at those that still play.
    assert sum(seer.looked) == by_eye.steps.sum()
    assert max(seer.looked) == 3


def test_an_estimate_arrives_when_it_is_due():
    delayed = _Delayed(2)
    playing = np.arange(2)
    told = []
    for step in range(5):
        pose = np.full((2, 3), step), np.tile([1.0, 0, 0, 0], (2, 1))
        told.append(delayed.through(pose, 2, playing)[0][0, 0])
    assert told == [0, 0, 0, 1, 2]
