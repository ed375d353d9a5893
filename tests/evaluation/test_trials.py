"""Trials count only the first episode of each environment."""

import dataclasses
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax import config as config_lib
from dactyl_jax.envs import make_environment
from dactyl_jax.evaluation import Trials, record, run_trials
from dactyl_jax.evaluation import trials as trials_lib
from dactyl_jax.learning import RandomAgent, ZeroAgent


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State:
    observation: types.SimpleNamespace
    episode: types.SimpleNamespace
    index: jax.Array
    step: jax.Array
    goals: jax.Array


for _pytree in (types.SimpleNamespace,):
    jax.tree_util.register_pytree_node(
        _pytree,
        lambda x: (tuple(vars(x).values()), tuple(vars(x))),
        lambda names, values: types.SimpleNamespace(**dict(zip(names, values, strict=True))),
    )


class Scripted:
    """Environment i reaches a goal every 2 steps and ends after 3 (i + 1), dropped if i is odd."""

    control_dt = 0.08
    num_actuators = 20
    num_bins = 11

    def __init__(self):
        self.sizes = []  # batch sizes for which a step was compiled

    def reset(self, key, num_envs, goal_distance):
        del key, goal_distance
        zeros = jnp.zeros(num_envs, jnp.int32)
        return self._state(jnp.arange(num_envs), zeros, zeros)

    def step(self, state, action):
        del action
        index = state.index
        self.sizes.append(index.shape[0])
        step = state.step + 1
        reached = step % 2 == 0
        goals = state.goals + reached
        done = step >= 3 * (index + 1)
        no = jnp.zeros_like(done)
        outcome = types.SimpleNamespace(
            done=done,
            goal_reached=reached,
            goals=goals,
            dropped=done & (index % 2 == 1),
            timed_out=done & (index % 2 == 0),
            diverged=no,
            overflow=no,
        )
        return self._state(index, jnp.where(done, 0, step), jnp.where(done, 0, goals)), outcome

    def take(self, state, environments):
        return jax.tree.map(lambda x: x[environments], state)

    def goal_in_world(self, state):
        return jnp.zeros((state.step.shape[0], 4))

    def _state(self, index, step, goals):
        observation = types.SimpleNamespace(policy=step[:, None].astype(jnp.float32))
        qpos = jnp.stack([step, index], axis=1).astype(jnp.float32)
        episode = types.SimpleNamespace(physics=types.SimpleNamespace(qpos=qpos), goals=goals)
        return State(observation, episode, index, step, goals)


@pytest.mark.parametrize("agent", [ZeroAgent(20, 11), RandomAgent(20, 11)])
def test_the_first_episode_counts(agent):
    seen = []
    trials = run_trials(
        Scripted(), agent, trials=12, seed=0, goal_distance=0.9, on_progress=seen.append
    )
    steps = 3 * (np.arange(12) + 1)
    np.testing.assert_array_equal(trials.steps, steps)
    np.testing.assert_array_equal(trials.goals, steps // 2)
    np.testing.assert_array_equal(trials.steps_to_last_goal, steps // 2 * 2)
    np.testing.assert_array_equal(trials.dropped, np.arange(12) % 2 == 1)
    np.testing.assert_array_equal(trials.timed_out, np.arange(12) % 2 == 0)
    assert trials.ended.all()
    assert not trials.diverged.any()
    assert seen == [8, 12]  # 25 control steps, then 50


def test_trials_are_the_same_in_ever_fewer_environments(monkeypatch):
    """Finished environments are removed from the batch."""
    monkeypatch.setattr(trials_lib, "_CHUNKS_BETWEEN_HALVINGS", 2)
    env = Scripted()
    trials = run_trials(env, RandomAgent(20, 11), trials=65, seed=0, goal_distance=0.9)
    steps = 3 * (np.arange(65) + 1)
    np.testing.assert_array_equal(trials.steps, steps)
    np.testing.assert_array_equal(trials.goals, steps // 2)
    np.testing.assert_array_equal(trials.dropped, np.arange(65) % 2 == 1)
    np.testing.assert_array_equal(trials.timed_out, np.arange(65) % 2 == 0)
    assert env.sizes == [65, 33, 17]


@pytest.mark.slow
def test_a_hand_goes_on_by_itself_as_it_would_among_others(monkeypatch):
    config = config_lib.default()
    config.engine, config.randomization = "native", "all"
    config.env.bank_size = 8
    config.env.goal_timeout_s = 3.2
    env = make_environment(config)
    results = {}
    for chunks in (1, 1000):
        monkeypatch.setattr(trials_lib, "_CHUNKS_BETWEEN_HALVINGS", chunks)
        results[chunks] = run_trials(env, RandomAgent(20, 11), trials=16, seed=0, goal_distance=0.9)
    ended_late = results[1].steps > trials_lib.CHUNK * 2
    assert 0 < ended_late.sum() <= 8
    for field in dataclasses.fields(Trials):
        ours, theirs = (getattr(result, field.name) for result in results.values())
        np.testing.assert_array_equal(ours, theirs, err_msg=field.name)


def test_greedy_agents_get_no_keys():
    with pytest.raises(ValueError, match="no greedy action"):
        run_trials(
            Scripted(), RandomAgent(20, 11), trials=2, seed=0, goal_distance=0.9, greedy=True
        )


def test_a_recording_is_of_the_environment_that_does_best():
    recording = record(Scripted(), ZeroAgent(20, 11), seed=0, goal_distance=0.9, seconds=0.8)
    assert recording.qpos.shape == (10, 2)
    assert recording.goal.shape == (10, 4)
    assert recording.drops == 0
    assert recording.qpos[0, 1] == 3  # the first that never ends, with 5 goals
    np.testing.assert_array_equal(recording.goals, np.arange(1, 11) // 2)
