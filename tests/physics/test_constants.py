"""Derived constants agree with MuJoCo and MJX."""

import mujoco
import numpy as np
import pytest
from mujoco.batch import MODEL_FIELDS, Batch

from dactyl_jax import hand, physics
from dactyl_jax.physics import constants


@pytest.mark.parametrize("kind", hand.OBJECTS)
def test_equal_to_mj_setconst_on_a_model_of_ones_own(kind, parameters_for):
    model = hand.load_model(kind)
    drawn = parameters_for(model, 3)
    completed = physics.derive(model, drawn)
    assert set(completed) > set(drawn)
    for row in range(3):
        for name, values in drawn.items():
            if name in ("gravity", "timestep"):
                setattr(model.opt, name, values[row])
            else:
                getattr(model, name)[:] = values[row]
        mujoco.mj_setConst(model, mujoco.MjData(model))
        for name in set(completed) - set(drawn):
            if name not in ("geom_aabb", "geom_rbound"):  # below: mj_setConst keeps a mesh's
                np.testing.assert_allclose(
                    completed[name][row], getattr(model, name), rtol=1e-5, atol=1e-7, err_msg=name
                )


def test_bounds_follow_the_objects_size(hand_model):
    drawn = physics.nominal_parameters(hand_model, 2, ["geom_size"])
    on_object = np.flatnonzero(
        (hand_model.geom_bodyid == hand_model.body("object").id) & (hand_model.geom_contype > 0)
        | (hand_model.geom_bodyid == hand_model.body("object").id)
        & (hand_model.geom_conaffinity > 0)
    )
    drawn["geom_size"][1, on_object] *= 1.05
    completed = physics.derive(hand_model, drawn)
    for geom in on_object:
        half = drawn["geom_size"][1, geom]
        np.testing.assert_allclose(completed["geom_aabb"][1, geom].ravel()[3:], half, rtol=1e-6)
        np.testing.assert_allclose(
            completed["geom_rbound"][1, geom], np.linalg.norm(half), rtol=1e-6
        )


def test_the_native_engine_holds_the_same_constants(hand_model, parameters_for):
    drawn = parameters_for(hand_model, 2)
    engine = physics.NativeEngine(hand_model)
    engine.step(drawn, physics.initial_state(hand_model, 2), 1)
    (rows,) = engine._rows.values()
    for name, values in physics.derive(hand_model, drawn).items():
        held = rows.batch.expanded(constants.batch_field(name))
        np.testing.assert_array_equal(held.astype(np.float32), values, err_msg=name)


def test_every_constant_that_mujoco_derives_is_known(hand_model):
    """The test fails if a later MuJoCo derives another constant from these fields."""
    batch = Batch(hand_model, 1)
    floats = [
        name
        for name in MODEL_FIELDS & set(hand_model._setconst_inputs)
        if getattr(hand_model, name).dtype.kind == "f" and getattr(hand_model, name).size
    ]
    for name in floats:
        batch.expand(name)
    batch.set_const()
    derived = {
        name
        for name in MODEL_FIELDS - set(floats)
        if (values := batch.expanded(name)) is not None and values.size and values.dtype.kind == "f"
    }
    assert derived <= {*constants.DERIVED_FIELDS, "bvh_aabb"}


def test_fields_that_no_constant_depends_on_are_left_alone(hand_model):
    drawn = physics.nominal_parameters(hand_model, 2, ["dof_damping", "gravity", "timestep"])
    assert set(physics.derive(hand_model, drawn)) == set(drawn)


@pytest.mark.parametrize("field", ["gravity", "timestep", "dof_damping", "jnt_range"])
def test_no_constant_depends_on_fields_that_skip_set_const(hand_model, field):
    assert not constants.changes_constants(field)
    batch = Batch(hand_model, 2)
    batch.expand("body_mass")
    batch.expand(constants.batch_field(field))[1] *= 1.1
    batch.set_const()
    for name in constants.DERIVED_FIELDS:
        if (values := batch.expanded(name)) is not None:
            np.testing.assert_array_equal(values[0], values[1], err_msg=name)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"body_weight": np.ones((2, 3))}, "body_weight"),
        ({"body_mass": np.ones((2, 3))}, "body_mass"),
        ({"body_subtreemass": np.ones((2, 3))}, "derived"),
        ({"gravity": np.ones((2, 3)), "timestep": np.ones(3)}, "same number of rows"),
    ],
)
def test_bad_fields_are_refused_by_name(hand_model, fields, message):
    with pytest.raises(ValueError, match=message):
        physics.derive(hand_model, fields)
