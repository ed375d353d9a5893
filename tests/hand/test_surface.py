"""Distances from points to the surfaces of the three objects."""

import mujoco
import numpy as np
import pytest

from dactyl_jax import hand
from dactyl_jax.hand import objects, surface


def distance(name, points, scale=1.0):
    return np.asarray(surface.distance(surface.surface(hand.load_model(name)), points, scale))


def test_block_is_near_at_faces_edges_and_corners():
    half = objects.BLOCK_HALF_EDGE
    points = half * np.array([[2.0, 0, 0], [2, 2, 0], [-2, 2, -2], [0, 0.6, 0], [1, 0, 0]])
    np.testing.assert_allclose(
        distance("block", points), half * np.array([1, 2**0.5, 3**0.5, -0.4, 0]), atol=1e-8
    )


def test_sphere():
    radius = objects.SPHERE_RADIUS
    points = np.array([[0, 3 * radius, 0], [0, 0, -0.5 * radius], [0, 0, 0]])
    np.testing.assert_allclose(
        distance("sphere", points), radius * np.array([2, -0.5, -1]), atol=1e-8
    )


def _model(geom):
    return mujoco.MjModel.from_xml_string(
        f'<mujoco><worldbody><body name="object">{geom}</body></worldbody></mujoco>'
    )


def test_capsule():
    model = _model('<geom type="capsule" size="0.01 0.03"/>')
    points = np.array([[0.03, 0, 0.02], [0, 0, 0.05], [0, 0.03, 0.03], [0, 0, 0]])
    found = surface.distance(surface.surface(model), points)
    np.testing.assert_allclose(found, [0.02, 0.01, 0.02, -0.01], atol=1e-7)


def test_a_geom_of_another_type_is_named():
    model = _model('<geom type="ellipsoid" size="0.01 0.02 0.03"/>')
    with pytest.raises(ValueError, match=r"ellipsoid.*box, sphere, capsule"):
        surface.surface(model)


def test_prism_has_eight_equal_sides_and_two_ends():
    inradius, half_length = objects.PRISM_INRADIUS, objects.PRISM_HALF_LENGTH
    angles = np.arange(8) * np.pi / 4
    sides = 2 * inradius * np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=-1)
    np.testing.assert_allclose(distance("prism", sides), inradius, atol=1e-8)
    edge = inradius / np.cos(np.pi / 8) * np.array([np.cos(np.pi / 8), np.sin(np.pi / 8), 0])
    assert distance("prism", edge) == pytest.approx(0.0, abs=1e-8)
    assert distance("prism", [0, 0, -1.5 * half_length]) == pytest.approx(0.5 * half_length)


@pytest.mark.parametrize("name", hand.OBJECTS)
def test_a_scaled_object_is_the_nominal_one_seen_from_another_distance(name):
    points = np.random.default_rng(0).uniform(-0.06, 0.06, (20, 3))
    scale = np.linspace(0.8, 1.2, 20)
    np.testing.assert_allclose(
        distance(name, points, scale),
        scale * distance(name, points / scale[:, None]),
        atol=1e-7,
    )
    assert distance(name, [0.1, 0, 0], 1.1) < distance(name, [0.1, 0, 0])
