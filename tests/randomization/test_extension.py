"""A new term and a new observation part need one line each; saved policies still load."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax import config as config_lib
from dactyl_jax import envs, pretrained, randomization
from dactyl_jax.envs import curriculum, observation
from dactyl_jax.learning import Trainer
from dactyl_jax.randomization import actuation
from dactyl_jax.randomization.terms import StepTerm


def _begin(key, law, strength, signal, scene):
    """Motors hold their last command."""
    return signal.targets


def _apply(key, law, strength, memory, signal, scene):
    """Each motor sometimes misses a command."""
    missed = jax.random.bernoulli(key, strength * law.probability, memory.shape)
    received = jnp.where(missed, memory, signal.targets)
    return received, signal._replace(targets=received)


@pytest.fixture
def deaf_motor(monkeypatch):
    law = {"probability": 1.0}
    term = StepTerm("deaf_motor", "unmodelled", "ours", law, _begin, _apply, units={"": "rad"})
    # One line of the table; what the import derives from it is set by hand here.
    for module, name in (
        (actuation, "ON_MOTORS"),
        (actuation, "TERMS"),
        (randomization, "TERMS"),
    ):
        monkeypatch.setattr(module, name, (*getattr(module, name), term))
    return term


def _config():
    config = config_lib.default()
    config.engine, config.randomization, config.num_envs = "native", "none", 8
    config.env.bank_size, config.env.value_observation = 16, "privileged"
    config.network.dense, config.network.lstm = (8,), 8
    config.ppo.update({"horizon": 4, "chunk": 4, "minibatches": 2, "passes": 1})
    return config


def _iterate(config, env):
    def update(state, events):
        return curriculum.update(config, state, events.goals, events.minutes, events.counters)

    trainer = Trainer(config, env, curriculum.initial(config), update)
    return trainer.iteration(trainer.initial_state())


def test_a_term_is_added_in_one_place(deaf_motor):
    config = _config()
    assert config.terms.deaf_motor.to_dict() == {"enabled": None, "probability": 1.0}
    config.terms.deaf_motor.enabled = True
    config_lib.validate(config)
    env = envs.make_environment(config)
    assert [part.name for part in env.hidden_parts if "deaf" in part.name] == ["deaf_motor"]
    start = env.reset(jax.random.key(0), 4)
    state, _ = jax.jit(env.step)(start, jnp.full((4, 20), 10))
    np.testing.assert_array_equal(state.episode.command.targets, start.episode.command.targets)
    assert np.any(state.episode.physics.ctrl != start.episode.physics.ctrl)
    _, metrics = _iterate(config, env)
    assert np.isfinite(metrics["loss"])

    config.terms.deaf_motor.probability = 1.5
    with pytest.raises(ValueError, match=r"terms\.deaf_motor\.probability is 1\.5"):
        config_lib.validate(config)


def test_what_was_saved_without_a_term_has_it_off(deaf_motor):
    for name in ("policy", "unrandomised"):
        saved, _, _ = pretrained.load(name)
        assert not deaf_motor.enabled(saved)
    others = [term for term in randomization.TERMS if term is not deaf_motor]
    saved, _, _ = pretrained.load("policy")
    assert all(term.enabled(saved) for term in others)


def test_a_number_is_added_to_what_policies_see_in_one_place(monkeypatch):
    speed = observation.Part(
        "object_speed",
        "object's speed",
        1,
        "m/s",
        lambda seen: jnp.linalg.norm(seen.readings.velocity, axis=-1, keepdims=True),
    )
    known = observation.POLICY["proprioceptive"]
    monkeypatch.setitem(observation.POLICY, "with_speed", (*known, speed))
    config = _config()
    config.env.policy_observation = "with_speed"
    config_lib.validate(config)
    env = envs.make_environment(config)
    assert env.policy_size == 129
    state, _ = jax.jit(env.step)(env.reset(jax.random.key(0), 4), jnp.full((4, 20), 10))
    moved = np.linalg.norm(env.true_readings(state).velocity, axis=-1)
    assert np.all(moved > 0)
    np.testing.assert_allclose(state.observation.policy[:, 128], moved, rtol=1e-5)
    saved, _, _ = pretrained.load("policy")
    assert observation.size(observation.policy_parts(saved.env)) == 108
