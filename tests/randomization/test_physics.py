"""Physics terms follow their laws, and each draw depends on seed, term and number alone."""

import numpy as np
import pytest

from dactyl_jax import config as config_lib
from dactyl_jax import hand
from dactyl_jax.randomization import physics


@pytest.fixture(scope="module")
def model():
    return hand.load_model("block")


def _config(**enabled):
    config = config_lib.default()
    config.randomization = "none"
    for name, value in enabled.items():
        config.terms[name].enabled = value
    return config


def _factors(model, term, field, column=None):
    fields = physics.draw(model, _config(**{term: True}), np.arange(2000))
    drawn, nominal = fields[field], np.asarray(getattr(model, field))
    if column is not None:
        drawn, nominal = drawn[..., column], nominal[..., column]
    used = nominal != 0
    return (drawn / np.where(used, nominal, 1.0))[:, used].reshape(len(drawn), -1)


@pytest.mark.parametrize(
    ("term", "field", "column", "low", "high", "log"),
    [
        ("friction", "geom_friction", None, 0.7, 1.3, False),
        ("mass", "body_mass", None, 0.5, 1.5, False),
        ("damping", "dof_damping", None, 0.3, 3.0, True),
        ("gain", "actuator_gainprm", 0, 0.75, 1.5, True),
    ],
)
def test_factor_follows_its_law(model, term, field, column, low, high, log):
    factors = _factors(model, term, field, column)
    assert low <= factors.min() < low + 0.01 * (high - low)
    assert high - 0.01 * (high - low) < factors.max() <= high
    uniform = np.log(factors / low) / np.log(high / low) if log else (factors - low) / (high - low)
    per_draw = uniform[:, 0]
    quantiles = np.quantile(per_draw, [0.1, 0.25, 0.5, 0.75, 0.9])
    np.testing.assert_allclose(quantiles, [0.1, 0.25, 0.5, 0.75, 0.9], atol=0.05)


def test_friction_shares_one_factor_and_masses_do_not(model):
    friction = _factors(model, "friction", "geom_friction")
    np.testing.assert_allclose(friction, np.broadcast_to(friction[:, :1], friction.shape))
    mass = _factors(model, "mass", "body_mass")
    correlation = np.corrcoef(mass, rowvar=False)
    assert np.abs(correlation - np.eye(len(correlation))).max() < 0.15


def test_inertia_scales_with_mass(model):
    fields = physics.draw(model, _config(mass=True), np.arange(5))
    body = model.body("object").id
    factor = fields["body_mass"][:, body] / model.body_mass[body]
    expected = model.body_inertia[body] * factor[:, None]
    np.testing.assert_allclose(fields["body_inertia"][:, body], expected)


def test_gain_stays_a_position_gain(model):
    fields = physics.draw(model, _config(gain=True), np.arange(5))
    np.testing.assert_allclose(
        fields["actuator_gainprm"][..., 0], -fields["actuator_biasprm"][..., 1]
    )
    np.testing.assert_array_equal(
        fields["actuator_biasprm"][..., 2],
        np.broadcast_to(model.actuator_biasprm[:, 2], (5, model.nu)),
    )


def test_draws_do_not_depend_on_other_terms_or_on_the_order(model):
    alone = physics.draw(model, _config(mass=True), np.array([7, 3]))
    together = physics.draw(model, _config(mass=True, gain=True, friction=True), np.arange(8))
    np.testing.assert_array_equal(alone["body_mass"], together["body_mass"][[7, 3]])


def test_seed_changes_draws(model):
    config = _config(mass=True)
    first = physics.draw(model, config, np.arange(2))
    config.seed = 1
    assert np.all(
        first["body_mass"][:, 1:] != physics.draw(model, config, np.arange(2))["body_mass"][:, 1:]
    )


def test_preset_none_draws_nothing_and_a_terms_own_flag_wins(model):
    assert physics.draw(model, _config(), np.arange(3)) == {}
    config = _config(friction=False)
    config.randomization = "basic"
    assert set(physics.draw(model, config, np.arange(3))) == {
        "body_mass", "body_inertia", "dof_damping", "actuator_gainprm", "actuator_biasprm",
    }  # fmt: skip
