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
from dactyl_jax.rendering import Looks
from dactyl_jax.vision.estimator import LARGEST_DOUBT, Poses


@pytest.fixture(scope="module")
def env():
    config = config_lib.default()
    config.engine, config.num_envs, config.env.bank_size = "native", 4, 4
    config.ppo.minibatches = config.ppo.chunk = config.ppo.horizon = 1
    config.randomization = "none"
    config.env.goal_timeout_s = 4.0
    return make_environment(config)


class Clairvoyant:
    """Cameras and a network that see the true pose, or one beside it, and count their looks."""

    def __init__(self, env, shift=0.0):
        self._env, self._shift = env, shift
        self.looked: list[int] = []

    def render(self, qpos, looks):
        self.looked.append(len(qpos))
        layout = self._env._layout
        pose = qpos[:, layout.object_qpos]
        to_forearm = rotations.conjugate(jnp.asarray(layout.forearm_quaternion))
        position = rotations.rotate(to_forearm, pose[:, :3] - layout.forearm_position)
        position += self._shift
        return np.concatenate([position, rotations.multiply(to_forearm, pose[:, 3:])], axis=1)

    def draw_looks(self, numbers):
        return Looks(*[jnp.asarray(numbers)] * 12)

    def vary(self, numbers, pictures):
        return pictures

    def estimate_normal(self, pictures):
        return Poses(pictures[:, :3], pictures[:, 3:], np.linspace(0.0, 2.0, len(pictures)))


@jax.tree_util.register_static
class Follower:
    """An agent whose motors go by where it is told that the object is."""

    def __init__(self, env):
        self._bins = env.num_bins
        self._gain = np.random.default_rng(0).normal(0, 60, (3, env.num_actuators))

    def initial_carry(self, num_envs):
        return ()

    def act(self, observation, carry, first, key):
        offset = observation[:, 15:18] - jnp.array([0.05, 0.0, 0.305])
        bins = jnp.round(self._bins / 2 + offset @ self._gain)
        return jnp.clip(bins, 0, self._bins - 1).astype(jnp.int32), carry


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
    """An agent that acts on the pose does as with the sensors if cameras see it at once."""
    agent = Follower(env)
    seer = Clairvoyant(env)
    how = {"trials": 3, "seed": 5, "goal_distance": 0.9}
    by_state = run_trials(env, agent, **how)
    by_eye, doubt = run_vision_trials(env, agent, Eye(seer, seer, seer, 0), **how)
    for name in ("steps", "goals", "timed_out", "dropped"):
        np.testing.assert_array_equal(getattr(by_eye, name), getattr(by_state, name))
    # It looks once a step at those that still play.
    assert sum(seer.looked) == len(doubt) == by_eye.steps.sum()
    assert max(seer.looked) == 3
    assert 0.0 < np.mean(doubt > LARGEST_DOUBT) < 1.0
    # What it is told decides how trials end: an object seen in another place, or seen late.
    for shift, latency in ((0.01, 0), (0.0, 3)):
        other = Clairvoyant(env, shift)
        misled, _ = run_vision_trials(env, agent, Eye(other, other, other, latency), **how)
        assert (misled.steps != by_state.steps).any()


def test_an_estimate_arrives_when_it_is_due():
    delayed = _Delayed(2)
    playing = np.arange(2)
    told = []
    for step in range(5):
        pose = np.full((2, 3), step), np.tile([1.0, 0, 0, 0], (2, 1))
        told.append(delayed.through(pose, 2, playing)[0][0, 0])
    assert told == [0, 0, 0, 1, 2]
