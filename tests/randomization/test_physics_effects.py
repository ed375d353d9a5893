"""The effect of each physics term on the simulation, on the native engine."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax import config as config_lib
from dactyl_jax import hand, physics, randomization

NUM = 6
DT = 0.008


@pytest.fixture(scope="module")
def model():
    return hand.load_model("block")


@pytest.fixture(scope="module")
def layout(model):
    return hand.layout(model)


@pytest.fixture(scope="module")
def engine(model):
    return physics.make_engine("native", model)


def _draw(model, term, **law):
    config = config_lib.default()
    config.randomization = "none"
    config.terms[term].enabled = True
    config.terms[term].update(law)
    fields, numbers = randomization.physics.draw(model, config, np.arange(NUM))
    return physics.derive(model, fields), numbers


def _state(model, layout, *, height=0.5, targets=None):
    """Returns the hand at rest in its reference pose, with the block `height` m above the palm."""
    state = physics.initial_state(model, NUM)
    qpos = state.qpos.at[:, layout.object_qpos[:3]].set(
        jnp.asarray(layout.palm_position + np.array([0, 0, height]), jnp.float32)
    )
    ctrl = state.ctrl if targets is None else jnp.tile(jnp.asarray(targets, jnp.float32), (NUM, 1))
    return dataclasses.replace(state, qpos=qpos, ctrl=ctrl)


def test_gravity_moves_the_free_block_by_the_drawn_vector(model, layout, engine):
    parameters, offset = _draw(model, "gravity")
    steps = 10
    after, _ = engine.step(parameters, _state(model, layout), steps)
    speed = np.asarray(after.qvel)[:, layout.object_qvel[:3]]
    expected = (model.opt.gravity + offset) * DT * steps
    np.testing.assert_allclose(speed, expected, atol=1e-4)


def test_a_heavier_block_accelerates_less_under_the_same_force(model, layout, engine):
    parameters, _ = _draw(model, "mass")
    body = model.body("object").id
    force = 0.5
    start = _state(model, layout)
    pushed = start.qfrc_applied.at[:, layout.object_qvel[0]].set(force)
    after, _ = engine.step(parameters, dataclasses.replace(start, qfrc_applied=pushed), 10)
    speed = np.asarray(after.qvel)[:, layout.object_qvel[0]]
    expected = force / parameters["body_mass"][:, body] * DT * 10
    np.testing.assert_allclose(speed, expected, rtol=1e-3)
    fallen = np.asarray(after.qvel)[:, layout.object_qvel[2]]
    np.testing.assert_allclose(fallen, -9.81 * DT * 10, rtol=1e-4)  # and falls like any other


def _approach(model, layout, engine, parameters, steps):
    """Returns how far FFJ3 has moved towards a target 0.5 rad away, as a share, `[NUM]`."""
    targets = np.zeros(20)
    targets[hand.ACTUATORS.index("rh_A_FFJ3")] = 0.5
    after, _ = engine.step(parameters, _state(model, layout, targets=targets), steps)
    return np.asarray(after.qpos)[:, layout.joint_qpos[hand.JOINTS.index("rh_FFJ3")]] / 0.5


def test_lower_gain_lags_more(model, layout, engine):
    parameters, factor = _draw(model, "gain")
    way = _approach(model, layout, engine, parameters, 5)
    own = factor[:, hand.ACTUATORS.index("rh_A_FFJ3")]
    np.testing.assert_array_equal(np.argsort(way), np.argsort(own))
    assert way.max() > 1.1 * way.min()


def test_more_damping_lags_more(model, layout, engine):
    parameters, factor = _draw(model, "damping")
    way = _approach(model, layout, engine, parameters, 5)
    own = factor[:, hand.JOINTS.index("rh_FFJ3")]
    np.testing.assert_array_equal(np.argsort(way), np.argsort(-own))


def test_a_joint_stops_at_its_drawn_limit(model, layout, engine):
    parameters, _ = _draw(model, "joint_limits")
    joint = model.joint("rh_THJ5").id
    targets = np.zeros(20)
    targets[hand.ACTUATORS.index("rh_A_THJ5")] = 1.047
    after, _ = engine.step(parameters, _state(model, layout, height=2.0, targets=targets), 120)
    angle = np.asarray(after.qpos)[:, layout.joint_qpos[hand.JOINTS.index("rh_THJ5")]]
    limit = np.minimum(parameters["jnt_range"][:, joint, 1], 1.047)
    np.testing.assert_allclose(angle, limit, atol=0.05)
    assert limit.min() < 0.95  # some limit is active


def test_a_larger_block_rests_higher(layout):
    model = hand.load_model("block", tilt=0.0)
    engine = physics.make_engine("native", model)
    parameters, factor = _draw(model, "object_size", low=0.8, high=1.2)
    after, _ = engine.step(parameters, _state(model, layout, height=0.03), 100)
    height = np.asarray(after.qpos)[:, layout.object_qpos[2]] - layout.palm_position[2]
    # The wrist yields by the same few millimetres in all environments.
    sag = height - 0.025 * factor[:, 0]
    np.testing.assert_allclose(sag, sag.mean(), atol=2e-4)
    assert np.ptp(factor) > 0.1


def test_less_friction_slides_further():
    model = hand.load_model("block", tilt=0.5)  # tan 0.5 = 0.55: strong friction holds
    engine, layout = physics.make_engine("native", model), hand.layout(model)
    parameters, factor = _draw(model, "friction", low=0.1, high=1.0)
    tilted = np.array([np.cos(0.25), 0.0, np.sin(0.25), 0.0])
    state = _state(model, layout, height=0.026)
    qpos = state.qpos.at[:, layout.object_qpos[3:]].set(jnp.asarray(tilted, jnp.float32))
    after, _ = engine.step(parameters, dataclasses.replace(state, qpos=qpos), 15)
    x = layout.object_qpos[0]  # the fingers' direction, which points down
    way = np.asarray(after.qpos[:, x] - qpos[:, x])
    assert np.corrcoef(way, factor[:, 0])[0, 1] < -0.9
    assert way[np.argmin(factor)] > 1.5 * way[np.argmax(factor)]
