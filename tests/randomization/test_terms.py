"""Presets select families; a term's own flag overrides them; laws are validated."""

import pytest

from dactyl_jax import config as config_lib
from dactyl_jax import randomization

PHYSICS = {"object_size", "mass", "friction", "damping", "gain", "joint_limits", "gravity"}
SENSING = {"marker_placement", "fingertip_noise", "position_noise", "orientation_noise"}
UNMODELLED = {
    *("action_noise", "action_delay", "backlash", "object_force", "time_step"),
    *("marker_occlusion", "marker_dropout"),
}


def _enabled(preset, **flags):
    config = config_lib.default()
    config.randomization = preset
    for name, value in flags.items():
        config.terms[name].enabled = value
    return {term.name for term in randomization.TERMS if term.enabled(config)}


def test_presets():
    assert _enabled("none") == set()
    assert _enabled("all") == PHYSICS | SENSING | UNMODELLED
    assert _enabled("no_physics") == SENSING | UNMODELLED
    assert _enabled("no_sensing") == PHYSICS | UNMODELLED
    assert _enabled("no_unmodelled") == PHYSICS | SENSING
    assert _enabled("basic") == {
        *("friction", "mass", "damping", "gain"),
        *("fingertip_noise", "position_noise", "orientation_noise"),
    }


def test_a_terms_own_flag_wins_over_the_preset():
    assert _enabled("none", backlash=True) == {"backlash"}
    with_delay = _enabled("all", observation_delay=True)  # in no preset: the paper has none
    assert with_delay == PHYSICS | SENSING | UNMODELLED | {"observation_delay"}
    assert _enabled("all", backlash=False) == PHYSICS | SENSING | UNMODELLED - {"backlash"}


@pytest.mark.parametrize(
    ("field", "value", "may_be"),
    [
        ("mass.low", -0.5, r"config.terms.mass.high is 1.5; both must be greater than 0"),
        ("mass.low", 0.0, "greater than 0"),
        ("friction.low", 1.4, "the first must not exceed the second"),
        ("object_force.probability_low", 0.2, "probability_high"),
        ("object_force.probability_high", 2.0, "at most 1"),
        ("damping.high", float("inf"), "0 or more"),
        ("action_delay.probability", 1.5, "at most 1"),
        ("object_force.decay", 1.1, "at most 1"),
        ("gravity.deviation", float("nan"), "0 or more"),
        ("fingertip_noise.step", -0.001, "0 or more"),
    ],
)
def test_a_wrong_law_is_refused_by_name(field, value, may_be):
    config = config_lib.default()
    config.update_from_flattened_dict({f"terms.{field}": value})
    with pytest.raises(ValueError, match=rf"config\.terms\.{field}.*{may_be}"):
        config_lib.validate(config)
