"""Trials with camera poses: equal initial states, the poses that the policy receives, latency."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax import config as config_lib
from dactyl_jax.envs import make_environment
from dactyl_jax.evaluation import Eye, run_trials, run_vision_trials
from dactyl_jax.evaluation.latency import delay, none_waiting
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
    config.env.motors, config.env.tilt = (
        "published",
        0.3,
    )  # strong motors and a steep palm, so that actions matter
    return make_environment(config)


class Clairvoyant:
    """Cameras and a network that return the true pose or an offset one, and count their calls."""

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
        count = len(pictures)
        doubt, exact = np.linspace(0.0, 2.0, count), np.zeros(count)
        return Poses(pictures[:, :3], pictures[:, 3:], doubt, exact, exact, np.zeros((count, 3)))


@jax.tree_util.register_static
class Follower:
    """An agent that acts on the object position it receives."""

    def __init__(self, env):
        self._bins = env.num_bins
        self._gain = np.random.default_rng(0).normal(0, 60, (3, env.num_actuators))

    def initial_carry(self, num_envs):
        return ()

    def act(self, observation, carry, first, key):
        offset = observation[:, 15:18] - jnp.array([0.05, 0.0, 0.305])
        bins = jnp.round(self._bins / 2 + offset @ self._gain)
        return jnp.clip(bins, 0, self._bins - 1).astype(jnp.int32), carry


def _eye(seer):
    return Eye(seer, seer, seer)


@pytest.mark.slow
def test_a_true_pose_is_what_sensors_without_errors_say(env):
    state = env.reset(jax.random.key(0), 3, 0.9)
    true = env.true_readings(state)
    told = env.with_pose(state, true.position, true.orientation)
    np.testing.assert_allclose(told.observation.policy, state.observation.policy, atol=2e-6)
    np.testing.assert_array_equal(told.observation.value, state.observation.value)
    other = env.with_pose(state, true.position + 0.01, true.orientation)
    changed = np.asarray(other.observation.policy != told.observation.policy)
    np.testing.assert_array_equal(np.flatnonzero(changed.any(axis=0)), [15, 16, 17])


@pytest.mark.slow
def test_trials_start_and_end_as_with_the_state(env):
    """With exact camera poses, an agent acts as with simulated sensors of the same latency."""
    agent = Follower(env)
    seer = Clairvoyant(env)
    how = {"trials": 3, "seed": 5, "goal_distance": 0.9}
    by_state, late = (run_trials(env, agent, **how, latency=steps) for steps in (0, 3))
    for latency, expected in ((3, late), (0, by_state)):
        seer.looked.clear()
        by_eye, doubt = run_vision_trials(env, agent, _eye(seer), **how, latency=latency)
        for name in ("steps", "goals", "timed_out", "dropped"):
            np.testing.assert_array_equal(getattr(by_eye, name), getattr(expected, name))
    # It is called once per step for the unfinished trials.
    assert sum(seer.looked) == len(doubt) == by_eye.steps.sum()
    assert max(seer.looked) == 3
    assert 0.0 < np.mean(doubt > LARGEST_DOUBT) < 1.0
    # Wrong or late poses change how trials end.
    misled, _ = run_vision_trials(env, agent, _eye(Clairvoyant(env, 0.01)), **how, latency=0)
    assert (misled.steps != by_state.steps).any()
    assert (late.steps != by_state.steps).any()


def test_a_pose_arrives_when_it_is_due(env):
    """In both environments; in the second one an episode begins at the fourth step."""
    state = env.reset(jax.random.key(1), 2, 0.9)
    turns = np.linspace(0.1, 0.5, 5)
    waiting, told = none_waiting(2, 2), []
    for step, turn in enumerate(turns):
        half = np.tile([np.cos(turn / 2), 0.0, 0.0, np.sin(turn / 2)], (2, 1))
        now = env.with_pose(state, np.full((2, 3), step, np.float32), half.astype(np.float32))
        seen, waiting = delay(env, now, waiting, jnp.array([step == 0, step in (0, 3)]))
        position, orientation = env.seen_pose(seen)
        told.append((position[:, 0], rotations.angle(orientation)))
    due = np.array([[0, 0], [0, 0], [0, 0], [1, 3], [2, 3]])
    np.testing.assert_array_equal([position for position, _ in told], due)
    np.testing.assert_allclose([angle for _, angle in told], turns[due], atol=1e-5)
