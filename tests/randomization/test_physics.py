"""Physics terms follow their laws; draws depend only on seed, term and number."""

import numpy as np
import pytest
from scipy import stats

from dactyl_jax import config as config_lib
from dactyl_jax import hand
from dactyl_jax.randomization import physics

DRAWS = 10_000


@pytest.fixture(scope="module")
def model():
    return hand.load_model("block")


def _config(**enabled):
    config = config_lib.default()
    config.randomization = "none"
    for name, value in enabled.items():
        config.terms[name].enabled = value
    return config


def _draw(model, count, *names, strength=None):
    strengths = None if strength is None else {name: np.full(count, strength) for name in names}
    config = _config(**dict.fromkeys(names, True))
    return physics.draw(model, config, np.arange(count), strengths)


LAWS = {
    "object_size": (1, stats.uniform(0.95, 0.1)),
    "mass": (25, stats.uniform(0.5, 1.0)),
    "friction": (1, stats.uniform(0.7, 0.6)),
    "damping": (24, stats.loguniform(0.3, 3.0)),
    "gain": (20, stats.loguniform(0.75, 1.5)),
    "gravity": (3, stats.norm(0.0, 0.4)),
}


@pytest.mark.parametrize("term", LAWS)
def test_numbers_follow_their_law(model, term):
    count, law = LAWS[term]
    _, numbers = _draw(model, DRAWS, term)
    assert numbers.shape == (DRAWS, count)
    for column in (0, count - 1):
        assert stats.kstest(numbers[:, column], law.cdf).pvalue > 1e-3
    if count > 1:
        assert np.abs(np.corrcoef(numbers, rowvar=False) - np.eye(count)).max() < 0.05


def test_joint_limits_are_normal_shifts_that_leave_the_middle_fifth(model):
    fields, numbers = _draw(model, DRAWS, "joint_limits")
    limited = np.flatnonzero(model.jnt_limited)  # all but the object's
    assert len(limited) == 24 and numbers.shape == (DRAWS, 48)
    low, high = model.jnt_range[limited].T
    drawn = fields["jnt_range"][:, limited]
    np.testing.assert_allclose(
        (drawn - model.jnt_range[limited]).reshape(DRAWS, -1), numbers, atol=1e-12
    )
    inside = np.minimum(drawn[..., 1], high) - np.maximum(drawn[..., 0], low)
    assert np.all(inside >= 0.2 * (high - low) - 1e-12)
    assert np.any(inside < 0.2001 * (high - low))  # narrow joints reach this
    # A wide joint's limits are rarely clipped, and its shifts match the paper's.
    wide = int(np.argmax(high - low))
    for side in (0, 1):
        assert stats.kstest(numbers[:, 2 * wide + side], stats.norm(0, 0.15).cdf).pvalue > 1e-3


FIELDS = {
    "object_size": {"geom_size", "body_inertia"},
    "mass": {"body_mass", "body_inertia"},
    "friction": {"geom_friction"},
    "damping": {"dof_damping"},
    "gain": {"actuator_gainprm", "actuator_biasprm"},
    "joint_limits": {"jnt_range"},
    "gravity": {"gravity"},
}


@pytest.mark.parametrize("term", FIELDS)
def test_a_term_touches_its_fields_and_at_strength_zero_none(model, term):
    fields, _ = _draw(model, 3, term)
    assert set(fields) == FIELDS[term]
    assert set(FIELDS) == {row.name for row in physics.TERMS}
    weak, _ = _draw(model, 3, term, strength=0.0)
    for name, values in weak.items():
        nominal = model.opt.gravity if name == "gravity" else getattr(model, name)
        np.testing.assert_array_equal(values, np.broadcast_to(nominal, values.shape))
        assert not np.array_equal(fields[name], values)


def test_half_the_strength_is_half_the_range(model):
    for term, half in (
        ("mass", stats.uniform(0.75, 0.5)),
        ("damping", stats.loguniform(0.3**0.5, 3.0**0.5)),
        ("gravity", stats.norm(0.0, 0.2)),
    ):
        _, numbers = _draw(model, DRAWS, term, strength=0.5)
        assert stats.kstest(numbers[:, 0], half.cdf).pvalue > 1e-3


def test_one_friction_factor_serves_all(model):
    fields, numbers = _draw(model, 50, "friction")
    np.testing.assert_allclose(
        fields["geom_friction"], model.geom_friction * numbers[:, :, None], rtol=1e-12
    )


def test_inertia_follows_mass_and_size(model):
    body = model.body("object").id
    fields, numbers = _draw(model, 5, "mass")
    factor = fields["body_mass"][:, body] / model.body_mass[body]
    np.testing.assert_allclose(
        fields["body_inertia"][:, body], model.body_inertia[body] * factor[:, None]
    )
    fields, numbers = _draw(model, 5, "object_size")
    np.testing.assert_allclose(
        fields["body_inertia"][:, body], model.body_inertia[body] * numbers**2
    )


@pytest.mark.parametrize("name", hand.OBJECTS)
def test_the_whole_object_is_resized_and_nothing_of_the_hand(name):
    model = hand.load_model(name)
    fields, numbers = _draw(model, 5, "object_size")
    scale = np.ones((5, model.ngeom))
    scale[:, model.geom_bodyid == model.body("object").id] = numbers
    np.testing.assert_allclose(fields["geom_size"], model.geom_size * scale[..., None])


def test_gain_stays_a_position_gain(model):
    fields, _ = _draw(model, 5, "gain")
    np.testing.assert_allclose(
        fields["actuator_gainprm"][..., 0], -fields["actuator_biasprm"][..., 1]
    )
    np.testing.assert_array_equal(
        fields["actuator_biasprm"][..., 2],
        np.broadcast_to(model.actuator_biasprm[:, 2], (5, model.nu)),
    )


def test_draws_do_not_depend_on_other_terms_or_on_the_order(model):
    alone, _ = physics.draw(model, _config(mass=True), np.array([7, 3]))
    together, _ = physics.draw(model, _config(mass=True, gain=True, friction=True), np.arange(8))
    np.testing.assert_array_equal(alone["body_mass"], together["body_mass"][[7, 3]])


def test_seed_changes_draws(model):
    config = _config(mass=True)
    _, first = physics.draw(model, config, np.arange(2))
    config.seed = 1
    assert np.all(first != physics.draw(model, config, np.arange(2))[1])


def test_no_term_draws_nothing(model):
    fields, numbers = physics.draw(model, _config(), np.arange(3))
    assert fields == {} and numbers.shape == (3, 0)
