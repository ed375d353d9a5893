"""Trials count the first episode of each environment, and nothing after it."""

import dataclasses
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax.evaluation import record, run_trials
from dactyl_jax.learning import RandomAgent, ZeroAgent


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State:
    observation: types.SimpleNamespace
    physics: types.SimpleNamespace
    step: jax.Array
    goals: jax.Array
    length: jax.Array


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

    def reset(self, key, num_envs, goal_distance):
        del key, goal_distance
        return self._state(jnp.zeros(num_envs, jnp.int32), jnp.zeros(num_envs, jnp.int32))

    def step(self, state, action, goal_distance):
        del action, goal_distance
        index = jnp.arange(state.step.shape[0])
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
        return self._state(jnp.where(done, 0, step), jnp.where(done, 0, goals)), outcome

    def goal_in_world(self, state):
        return jnp.zeros((state.step.shape[0], 4))

    def _state(self, step, goals):
        observation = types.SimpleNamespace(policy=step[:, None].astype(jnp.float32))
        qpos = jnp.stack([step, jnp.arange(step.shape[0])], axis=1).astype(jnp.float32)
        return State(observation, types.SimpleNamespace(qpos=qpos), step, goals, step)


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
    assert recording.qpos[0, 1] == 3  # the first that goes on throughout, with 5 goals
    np.testing.assert_array_equal(recording.goals, np.arange(1, 11) // 2)
