"""Errors name every invalid value and the valid ones."""

import json

import pytest
from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax import pretrained, randomization
from dactyl_jax.hand import model


def test_default_is_valid():
    config_lib.validate(config_lib.default())


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("num_envs", 0, "greater than 0"),
        ("engine", "bullet", "native"),
        ("randomization", "everything", "basic"),
        ("env.object", "cup", "prism"),
        ("env.action", "torque", "absolute"),
        ("env.control_dt", 0.05, "multiple"),
        ("env.smoothing_kept", 1.0, "less than 1"),
        ("env.smoothed", "nothing", "action, target"),
        ("env.goals", "any", "uniform, aligned"),
        ("env.goal_timeout_s", 0.01, "control_dt"),
        ("env.tilt", 2.0, "pi/2"),
        ("curriculum.initial_distance", 0.3, "0.5"),
        ("curriculum.growth", 1.0, "greater than 1"),
        ("network.dense", (), "layer sizes"),
        ("ppo.chunk", 7, "multiple"),
        ("ppo.minibatches", 7, "divisor"),
        ("ppo.kl_low", 1.0, "kl_high"),
        ("run.max_minutes", -1.0, "0"),
        ("run.checkpoint_s", 31.0, "at most 30"),
        ("env.bank_size", 2_000_000, "1 to 1000000"),
        ("ppo.entropy", -0.1, "0 or more"),
        ("terms.mass.low", -1.0, "high"),
        ("terms.gain.low", 9.0, "high"),
        ("terms.position_noise.step", -0.1, "0 or more"),
        ("env.bank_redraw", -1, "never"),
        ("env.value_observation", "everything", "privileged"),
        ("adr.initial", 2.0, "adr.maximum"),
        ("adr.narrow_share", 0.9, "widen_share"),
        ("adr.reference_share", 0.0, "greater than 0"),
        ("init_from_policy_only", True, "config.init_from"),
        ("adr.boundary_share", 1.5, "at most 1"),
        ("ppo.learning_rate", float("nan"), "greater than 0"),
    ],
)
def test_wrong_value_is_refused_in_words(field, value, says):
    config = config_lib.default()
    config.update_from_flattened_dict({field: value})
    with pytest.raises(ValueError, match=says) as error:
        config_lib.validate(config)
    assert "config." in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("adr.maximum", 2.0, "less than 2, with config.terms.mass.low"),
        ("env.bank_redraw", 0, "adr.enabled"),
        ("adr.boundary_share", 0.9, "at most 0.8, with config.adr.reference_share at 0.1"),
    ],
)
def test_what_adr_needs_is_checked_where_it_is_enabled(field, value, says):
    config = config_lib.default()
    config.update_from_flattened_dict({field: value})
    config_lib.validate(config)
    config.adr.enabled = True
    with pytest.raises(ValueError, match=says):
        config_lib.validate(config)


def test_default_tilt_is_the_hands():
    assert config_lib.default().env.tilt == model.DEFAULT_TILT


def test_a_configuration_read_from_json_has_its_types_again():
    expected = config_lib.default()
    config = config_lib.complete(ConfigDict(json.loads(json.dumps(expected.to_dict()))), origin="")
    assert config == expected
    assert config.network.dense == expected.network.dense
    assert config.terms.mass.get_type("enabled") is bool


def test_saved_configurations_of_the_first_version_keep_their_task():
    """Smoothing, noise as shares of the range and late readings are converted."""
    saved, _, _ = pretrained.load("policy")
    assert (saved.env.smoothed, saved.env.smoothing_kept) == ("target", 0.7)
    assert saved.terms.action_noise.to_dict() == {
        "enabled": None,
        "additive_episode": 0.03,  # 0.015 of the range, of which a unit action is half
        "additive_step": 0.1,
        "multiplicative_episode": 0.0,
        "multiplicative_step": 0.015,
    }
    enabled = {term.name for term in randomization.TERMS if term.enabled(saved)}
    assert enabled == {term.name for term in randomization.TERMS}
    assert saved.adr.maximum == 1.5 and saved.adr.widen_share == 0.7
    assert (saved.init_from, saved.init_from_policy_only) == ("runs/adr1", True)
    alone, _, _ = pretrained.load("unrandomised")
    assert not any(term.enabled(alone) for term in randomization.TERMS)
    again = config_lib.complete(ConfigDict(json.loads(saved.to_json())), origin="saved")
    assert dict(config_lib.leaves(again)) == dict(config_lib.leaves(saved))
