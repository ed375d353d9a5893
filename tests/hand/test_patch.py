"""A model patch replaces only the fields it names; invalid patches raise clear errors."""

import json

import numpy as np
import pytest

from dactyl_jax import config as config_lib
from dactyl_jax import hand
from dactyl_jax.envs import worlds
from dactyl_jax.hand import patch
from dactyl_jax.randomization import actuation

GIVEN = patch.Patch(
    joints={"rh_FFJ3": {"damping": 0.08, "low": -0.2}, "rh_THJ1": {"frictionloss": 0.02}},
    actuators={"rh_A_FFJ0": {"gain": 0.7, "backlash_down": 20.0}},
)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "hand.json"
    numbers = {"joints": GIVEN.joints, "actuators": GIVEN.actuators, "about": {"log": "a.mcap"}}
    path.write_text(json.dumps({"format": patch.FORMAT, "version": patch.VERSION, **numbers}))
    return str(path)


def test_what_is_written_is_loaded(file):
    assert patch.load(file) == GIVEN


@pytest.mark.parametrize("locked_wrist", [False, True])
def test_only_what_is_named_changes(file, locked_wrist):
    plain = hand.load_model(locked_wrist=locked_wrist)
    model = hand.load_model(locked_wrist=locked_wrist, patch=file)
    joint, thumb = model.joint("rh_FFJ3"), model.joint("rh_THJ1")
    assert joint.damping[0] == 0.08 and tuple(joint.range) == (-0.2, 1.571)
    assert thumb.frictionloss[0] == 0.02
    motor = model.actuator("rh_A_FFJ0")
    assert motor.gainprm[0] == 0.7 and motor.biasprm[1] == -0.7
    changed = {
        "dof_damping": [joint.dofadr[0]],
        "dof_frictionloss": [thumb.dofadr[0]],
        "jnt_range": [joint.id],
        "actuator_gainprm": [motor.id],
        "actuator_biasprm": [motor.id],
        "actuator_ctrlrange": [],  # the controllers' range stays
        "body_mass": [],
    }
    for field, rows in changed.items():
        before, after = getattr(plain, field), getattr(model, field)
        same = np.delete(np.arange(len(before)), rows)
        np.testing.assert_allclose(after[same], before[same], rtol=1e-12, err_msg=field)


def test_the_world_of_training_has_it_and_the_surrogate_has_not(file):
    config = config_lib.default()
    config.env.model_patch = file
    assert worlds.build(config)[1].joint("rh_FFJ3").damping[0] == 0.08
    config.env.world = "surrogate"
    surrogate = worlds.build(config)[1].joint("rh_FFJ3").damping[0]
    config.env.model_patch = ""
    assert surrogate == worlds.build(config)[1].joint("rh_FFJ3").damping[0]


@pytest.mark.parametrize("mirrored", [True, False])
def test_backlash_is_centred_on_it(file, mirrored):
    published = actuation.log_rates(hand.load_model(), mirrored=mirrored)
    rates = actuation.log_rates(hand.load_model(patch=file), mirrored=mirrored)
    row = hand.ACTUATORS.index("rh_A_FFJ0")
    assert rates[row, 0] == pytest.approx(np.log(20.0))
    rates[row, 0] = published[row, 0]
    np.testing.assert_array_equal(rates, published)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "is not a model patch of version 1"),
        (
            {"joints": {"rh_FFJ3": {"stiffness": 1.0}}},
            "rh_FFJ3.stiffness is unknown; the fields are",
        ),
        ({"joints": {"rh_FFJ3": {"damping": -1.0}}}, "damping is -1.0; it must be 0 or more"),
        ({"actuators": {"rh_A_FFJ0": {"gain": 0.0}}}, "gain is 0.0; it must be greater than 0"),
        ({"joints": ["rh_FFJ3"]}, r"joints is \['rh_FFJ3'\], not an object"),
        ({"joints": {"rh_FFJ3": 0.1}}, "rh_FFJ3 is 0.1, not an object"),
        ({"joints": {"rh_FFJ3": {"low": "0"}}}, "low is '0'; it must be a finite number"),
        ({"joints": {"rh_FFJ3": {"low": 1.0, "high": 0.5}}}, "rh_FFJ3.low is not below its high"),
        ({"joints": {"object_joint": {"damping": 1.0}}}, "has no 'object_joint' in its joints"),
        ({"actuators": {"rh_A_FFJ1": {"gain": 1.0}}}, "has no 'rh_A_FFJ1' in its actuators"),
    ],
)
def test_a_wrong_patch_is_refused_in_words(file, change, message, tmp_path):
    with open(file) as stream:
        content = json.load(stream)
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps({**content, **change}))
    with pytest.raises(ValueError, match=message):
        hand.load_model(patch=str(path))


def test_what_is_no_json_is_refused(tmp_path):
    path = tmp_path / "wrong.json"
    path.write_text("{")
    with pytest.raises(ValueError, match=r"wrong.json' is not JSON"):
        patch.load(str(path))
    with pytest.raises(ValueError, match=r"none.json' cannot be read: No such file"):
        patch.load(str(tmp_path / "none.json"))
