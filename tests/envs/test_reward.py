"""The reward is a table: terms are summed and reported by name, and a new term needs one line."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax import config as config_lib
from dactyl_jax import envs, pretrained
from dactyl_jax.envs import curriculum, reward
from dactyl_jax.learning import Trainer


def _change(**fields):
    zeros, none = jnp.zeros(2), jnp.zeros((2, 20))
    change = {
        **{"distance_before": zeros, "distance": zeros},
        **{"reached": jnp.zeros(2, bool), "dropped": jnp.zeros(2, bool)},
        **{"action": none, "last_action": none, "average": none},
    }
    return reward.Change(**(change | fields))


def test_terms_are_weighted():
    change = _change(
        distance_before=jnp.array([1.0, 0.5]),
        distance=jnp.array([0.75, 1.0]),
        reached=jnp.array([True, False]),
        dropped=jnp.array([False, True]),
    )
    terms = reward.rewards({"distance": 2.0, "goal": 5.0, "drop": -20.0}, change)
    np.testing.assert_allclose(terms["distance"], [0.5, -1.0])
    np.testing.assert_allclose(terms["goal"], [5.0, 0.0])
    np.testing.assert_allclose(terms["drop"], [0.0, -20.0])
    assert list(reward.rewards({"distance": 0.0, "goal": 1.0, "drop": 0.0}, change)) == ["goal"]


def _action_rate(change: reward.Change) -> jax.Array:
    return jnp.mean(jnp.square(change.action - change.last_action), axis=-1)


@pytest.fixture
def action_rate(monkeypatch):
    term = reward.Term("action_rate", -0.1, _action_rate)
    monkeypatch.setattr(reward, "TERMS", (*reward.TERMS, term))


def test_a_term_is_added_in_one_place(action_rate):
    """Its field, effect and metric follow; policies trained without it still load."""
    config = config_lib.default()
    assert config.env.reward.action_rate == -0.1
    config.engine, config.randomization, config.num_envs = "native", "none", 8
    config.env.bank_size = 16
    config.network.dense, config.network.lstm = (8,), 8
    config.ppo.update({"horizon": 4, "chunk": 4, "minibatches": 2, "passes": 1})
    config_lib.validate(config)
    env = envs.make_environment(config)

    step = jax.jit(env.step)
    state = env.reset(jax.random.key(0), 4)
    expected = []
    for bin_number, change in ((10, 1.0), (10, 0.0), (0, 2.0)):
        state, outcome = step(state, jnp.full((4, 20), bin_number))
        assert not np.any(outcome.done)
        expected.append(-0.1 * change**2)
        np.testing.assert_allclose(outcome.rewards["action_rate"], expected[-1], atol=1e-6)
        total = sum(np.asarray(value) for value in outcome.rewards.values())
        np.testing.assert_allclose(outcome.reward, total, atol=1e-6)

    trainer = Trainer(
        config,
        env,
        curriculum.initial(config),
        lambda state, events: curriculum.update(
            config, state, events.goals, events.minutes, events.counters
        ),
    )
    _, metrics = trainer.iteration(trainer.initial_state())
    parts = {name: value for name, value in metrics.items() if name.startswith("reward/")}
    assert set(parts) == {f"reward/{term.name}" for term in reward.TERMS}
    assert parts["reward/action_rate"] < 0
    np.testing.assert_allclose(sum(parts.values()), metrics["reward"], atol=1e-5)

    saved, _, _ = pretrained.load("unrandomised")
    assert saved.env.reward.action_rate == 0.0
