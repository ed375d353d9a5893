"""Making an environment in one line."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dactyl_jax
from dactyl_jax import config as config_lib
from dactyl_jax import registry
from dactyl_jax.errors import UserError


def test_a_task_by_name_is_reset_and_stepped():
    env = dactyl_jax.make("sphere", engine="native", num_envs=3, env__bank_size=4)
    assert env.config.env.object == "sphere" and env.config.randomization == "none"
    state = env.reset(jax.random.key(0))
    assert state.observation.policy.shape == (3, env.policy_size)
    state, outcome = jax.jit(env.step)(state, jnp.full((3, env.num_actuators), 5))
    assert outcome.reward.shape == (3,)
    assert np.isfinite(state.observation.policy).all()


def test_a_policy_plays_in_the_task_that_it_was_trained_in():
    agent, task = dactyl_jax.load_policy("unrandomised")
    env = dactyl_jax.make(task, engine="native", num_envs=2, env__bank_size=4)
    assert env.config.env.smoothed == "target"
    state = env.reset(jax.random.key(0))
    first, memory = jnp.ones(2, bool), agent.initial_carry(2)
    keys = jax.random.split(jax.random.key(1), 2)
    action, memory = agent.act(state.observation.policy, memory, first, keys)
    _, outcome = jax.jit(env.step)(state, action)
    assert not outcome.dropped.any()


def test_a_registered_task_is_made_and_listed(monkeypatch):
    monkeypatch.setattr(registry, "_builders", dict(registry._builders))

    def slow_goals():
        config = config_lib.default()
        config.env.goal_timeout_s = 80.0
        return config

    dactyl_jax.register("slow_goals", slow_goals)
    assert dactyl_jax.tasks() == ("block", "prism", "sphere", "locked_wrist", "slow_goals")
    env = dactyl_jax.make("slow_goals", engine="native", randomization="none", env__bank_size=4)
    assert env.config.env.goal_timeout_s == 80.0


@pytest.mark.parametrize(
    ("task", "overrides", "says"),
    [
        ("cube", {}, "no task 'cube'; it is one of block, prism"),
        ("block", {"env__tilt_": 1.0}, "env.tilt"),
        ("block", {"env__tilt": "steep"}, "must be of type float"),
        ("block", {"env__tilt": 3.0}, "between -pi/2 and pi/2"),
        ("block", {"randomization": "every"}, "one of none, basic, all"),
        ("block", {"env": 1}, "group of fields"),
    ],
)
def test_what_cannot_be_made_is_refused_in_words(task, overrides, says):
    with pytest.raises(UserError, match=says):
        dactyl_jax.make(task, **overrides)


def test_other_names_are_no_part_of_the_package():
    with pytest.raises(AttributeError, match="fake"):
        dactyl_jax.fake  # noqa: B018
