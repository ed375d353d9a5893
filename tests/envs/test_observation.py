import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax import hand, physics
from dactyl_jax.envs import observation, readings
from dactyl_jax.hand import kinematics, rotations

_QUARTERS = [rotations.from_axis_angle(axis, np.pi / 2) for axis in np.eye(3)]


def _cube_turns():
    """All products of quarter turns about the axes, as quaternions with a sign of their own."""
    found = [np.array([1.0, 0, 0, 0])]
    for turn in itertools.cycle(_QUARTERS):
        new = [np.asarray(rotations.multiply(turn, q)) for q in found]
        fresh = [q for q in new if all(abs(np.dot(q, p)) < 0.999 for p in found)]
        found += fresh
        if len(found) >= 24:
            return np.stack(found)


def test_facing_is_blind_to_which_face_is_which():
    turns = _cube_turns()
    assert len(turns) == 24
    orientations = rotations.random(jax.random.key(0), (20,))
    for orientation in orientations:
        turned = observation.facing(rotations.multiply(orientation, turns))
        assert turned.shape == (24, 9)
        expected = observation.facing(orientation[None])
        np.testing.assert_allclose(turned, np.tile(expected, (24, 1)), atol=1e-5)


@pytest.mark.parametrize("degrees", [10.0, 30.0, 45.0])
def test_facing_tells_other_turns_apart(degrees):
    orientations = rotations.random(jax.random.key(1), (200,))
    axes = np.asarray(rotations.random(jax.random.key(2), (200,)))[:, 1:]
    axes = axes / np.linalg.norm(axes, axis=1, keepdims=True)
    turns = rotations.from_axis_angle(axes, np.radians(degrees))
    turned = observation.facing(rotations.multiply(orientations, turns))
    apart = np.linalg.norm(turned - observation.facing(orientations), axis=1)
    assert apart.min() > 0.5 * np.radians(10.0)


def test_facing_is_smooth():
    """No jump anywhere on a turn by 360 degrees, as there is in a quaternion with w >= 0."""
    turns = rotations.from_axis_angle(np.array([0.6, 0.0, 0.8]), np.linspace(0, 2 * np.pi, 2001))
    steps = np.abs(np.diff(observation.facing(turns), axis=0)).max()
    assert steps < 4 * 2 * np.pi / 2000


def test_parts_stand_where_the_layout_says():
    model = hand.load_model()
    layout, chain = hand.layout(model), kinematics.chain(model)
    state = physics.initial_state(model, 1)
    rng = np.random.default_rng(0)
    qpos = np.array(state.qpos) + rng.uniform(0.1, 0.2, state.qpos.shape)
    qpos[:, -4:] /= np.linalg.norm(qpos[:, -4:])
    qvel, ctrl = (rng.uniform(-1, 1, x.shape) for x in (state.qvel, state.ctrl))
    moving = {"qpos": qpos, "qvel": qvel, "ctrl": ctrl}
    state = dataclasses.replace(state, **{k: jnp.asarray(v) for k, v in moving.items()})
    true = readings.read(layout, chain, state)
    goal = rotations.random(jax.random.key(0), (1,))
    seen = observation.policy_observation(
        "proprioceptive", true.fingertips, true.position, true.orientation, goal, true
    )
    inputs = {
        "policy": (seen, observation.POLICY_PARTS["proprioceptive"]),
        "value": (observation.value_observation(true, goal), observation.VALUE_PARTS),
    }
    expected = {
        "fingertips FF, MF, RF, LF, TH: x, y, z": true.fingertips,
        "object's position x, y, z": true.position,
        "joint angles": true.joint_angles,
        "joint velocities": true.joint_velocities,
        "object's velocity x, y, z": true.velocity,
        "object's angular velocity x, y, z": true.angular_velocity,
        "actuators' last targets": true.targets,
        "how a cube stands, whichever face is which": observation.facing(true.orientation),
    }
    for numbers, parts in inputs.values():
        assert numbers.shape == (1, observation.size(parts))
        offset = 0
        for part in parts:
            if part.name in expected:
                found = np.asarray(numbers[0, offset : offset + part.size])
                np.testing.assert_allclose(found, np.ravel(expected[part.name]), err_msg=part.name)
            offset += part.size
