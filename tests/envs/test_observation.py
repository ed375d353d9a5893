import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax import config as config_lib
from dactyl_jax import hand, physics
from dactyl_jax.envs import observation, readings
from dactyl_jax.hand import kinematics, rotations

_QUARTERS = [rotations.from_axis_angle(axis, np.pi / 2) for axis in np.eye(3)]


def _cube_turns():
    """Returns all products of quarter turns about the axes, as quaternions of either sign."""
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
    """It has no jump over a 360 degree turn, unlike a quaternion with w >= 0."""
    turns = rotations.from_axis_angle(np.array([0.6, 0.0, 0.8]), np.linspace(0, 2 * np.pi, 2001))
    steps = np.abs(np.diff(observation.facing(turns), axis=0)).max()
    assert steps < 4 * 2 * np.pi / 2000


SIZES = {
    ("paper", "action"): (22, 142),
    ("paper", "target"): (22, 122),
    ("proprioceptive", "action"): (128, 142),
    ("proprioceptive", "target"): (108, 122),
    ("state", "action"): (142, 142),
    ("state", "target"): (122, 122),
}


@pytest.mark.parametrize(("kind", "smoothed"), SIZES)
def test_parts_stand_where_the_table_says(kind, smoothed):
    env = config_lib.default().env
    env.policy_observation, env.smoothed = kind, smoothed
    model = hand.load_model()
    layout, chain = hand.layout(model), kinematics.chain(model)
    state = physics.initial_state(model, 1)
    rng = np.random.default_rng(0)
    qpos = np.array(state.qpos) + rng.uniform(0.1, 0.2, state.qpos.shape)
    qpos[:, -4:] /= np.linalg.norm(qpos[:, -4:])
    qvel, ctrl = (rng.uniform(-1, 1, x.shape) for x in (state.qvel, state.ctrl))
    moving = {"qpos": qpos, "qvel": qvel, "ctrl": ctrl}
    state = dataclasses.replace(state, **{k: jnp.asarray(v) for k, v in moving.items()})
    true = readings.read(layout, chain, state, jnp.asarray(rng.uniform(-1, 1, (1, 20))))
    goal = rotations.random(jax.random.key(0), (1,))
    seen = observation.Seen(true.fingertips, true.position, true.orientation, goal, true)
    left = observation.relative_goal(goal, true.orientation)
    expected = {
        "fingertips": true.fingertips,
        "object_position": true.position,
        "relative_goal": left,
        "joint_angles": true.joint_angles,
        "joint_velocities": true.joint_velocities,
        "orientation": rotations.canonical(true.orientation),
        "goal": goal,
        "velocity": true.velocity,
        "angular_velocity": true.angular_velocity,
        "targets": true.targets,
        "action_average": true.action_average,
        "relative_goal_matrix": rotations.matrix(left),
        "facing": observation.facing(true.orientation),
    }
    both = observation.policy_parts(env), observation.value_parts(env)
    assert tuple(map(observation.size, both)) == SIZES[kind, smoothed]
    for parts in both:
        numbers = observation.assemble(parts, seen)
        assert numbers.shape == (1, observation.size(parts))
        offset = 0
        for part in parts:
            found = np.asarray(numbers[0, offset : offset + part.size])
            np.testing.assert_allclose(found, np.ravel(expected[part.name]), err_msg=part.name)
            np.testing.assert_array_equal(observation.take(parts, part.name, numbers)[0], found)
            offset += part.size
    told = observation.assemble(both[0], seen)
    np.testing.assert_array_equal(observation.fingertips(both[0], told), true.fingertips)
    position, orientation = observation.object_pose(both[0], told, goal)
    np.testing.assert_allclose(position, true.position)
    assert float(rotations.angle(left)[0]) > 0.1
    same = rotations.multiply(orientation, rotations.conjugate(true.orientation))
    assert float(rotations.angle(same)[0]) < 1e-3
