import itertools

import numpy as np
import pytest

from hardware.base import rotations
from hardware.policy import observation


def _random(rng):
    q = rng.normal(size=4)
    return rotations.canonical(q / np.linalg.norm(q))


def test_rotations_agree_with_matrices():
    rng = np.random.default_rng(0)
    p, q, v = _random(rng), _random(rng), rng.normal(size=3)
    both = rotations.matrix(p) @ rotations.matrix(q)
    np.testing.assert_allclose(rotations.matrix(rotations.multiply(p, q)), both, atol=1e-12)
    np.testing.assert_allclose(rotations.rotate(p, v), rotations.matrix(p) @ v, atol=1e-12)
    identity = rotations.multiply(p, rotations.conjugate(p))
    np.testing.assert_allclose(identity, [1, 0, 0, 0], atol=1e-12)


@pytest.mark.parametrize("angle", [1e-7, 0.4, 3.0, np.pi])
def test_the_angle_of_a_rotation(angle):
    axis = np.array([2.0, -1.0, 2.0]) / 3
    q = rotations.from_axis_angle(axis, np.array(angle))
    assert rotations.angle(q) == pytest.approx(angle) == rotations.angle(-q)
    turned = rotations.rotate(q, axis)
    np.testing.assert_allclose(turned, axis, atol=1e-12)


def test_the_relative_goal_takes_the_object_to_the_goal():
    rng = np.random.default_rng(1)
    goal, orientation = _random(rng), _random(rng)
    left = observation.relative_goal(goal, orientation)
    reached = rotations.canonical(rotations.multiply(left, orientation))
    np.testing.assert_allclose(reached, goal, atol=1e-12)
    assert left[0] >= 0


def test_turns_of_a_cube_onto_itself_are_not_seen():
    rng = np.random.default_rng(2)
    orientation = _random(rng)
    own = observation.facing(orientation)
    quarter = [rotations.from_axis_angle(axis, np.array(np.pi / 2)) for axis in np.eye(3)]
    for turns in itertools.product(quarter, repeat=3):
        turned = orientation
        for turn in turns:
            turned = rotations.multiply(turned, turn)
        np.testing.assert_allclose(observation.facing(turned), own, atol=1e-12)
    other = rotations.multiply(orientation, rotations.from_axis_angle(np.eye(3)[0], np.array(0.3)))
    assert np.abs(observation.facing(other) - own).max() > 0.01


def test_parts_stand_in_the_order_of_the_layout():
    rng = np.random.default_rng(3)
    readings = observation.Readings(
        *(rng.normal(size=n) for n in (24, 24, (5, 3), 20, 20, 3)), _random(rng), _random(rng)
    )
    parts = ["targets", "action_average", "object_position", "joint_angles"]
    seen = observation.assemble(parts, readings)
    expected = np.concatenate(
        [readings.targets, readings.action_average, readings.position, readings.joint_angles]
    )
    np.testing.assert_array_equal(seen, expected.astype(np.float32))
