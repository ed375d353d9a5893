"""The geometric solution finds poses, bears mistaken places, and is the same on a robot host."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax import hand
from dactyl_jax.hand import rotations
from dactyl_jax.vision import config as config_lib
from dactyl_jax.vision import points, solve, windows

PIXEL = 2 / windows.SIZE * windows.SHARE  # of a window, in image positions
COUNT = 16


@pytest.fixture(scope="module")
def rig() -> solve.Rig:
    return solve.rig(config_lib.default())


@pytest.fixture(scope="module")
def scene(rig):
    """Poses, and exact places in cameras that differ from the rig as training's do."""
    rng = np.random.default_rng(0)
    position = np.array([0.05, 0.0, 0.305]) + rng.normal(0, 0.02, (COUNT, 3))
    orientation = np.asarray(rotations.random(jax.random.key(0), (COUNT,)))
    axis = rng.normal(size=(COUNT, 3, 3))
    axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
    turn = rotations.from_axis_angle(axis, rng.uniform(0, math.radians(3), (COUNT, 3)))
    cameras = (
        np.array(rig.position) + rng.uniform(-0.0015, 0.0015, (COUNT, 3, 3)),
        rotations.multiply(np.array(rig.quaternion), turn),
        np.array(rig.field_of_view) + rng.uniform(-1, 1, (COUNT, 3)),
    )
    block = position[:, None] + rotations.rotate(orientation[:, None], points.OBJECT)
    fixed = np.tile(points.FOREARM[points.FIXED], (COUNT, 1, 1))
    where = jnp.concatenate([block, fixed], axis=1)
    places = jax.vmap(jax.vmap(points.project, (None, 0, 0, 0)))(where, *cameras)
    return position, orientation, np.asarray(places)


def seen(places, pixels: float, seed: int = 1) -> solve.Seen:
    """Places with errors of so many pixels of a window; half of the object's points are hidden."""
    rng = np.random.default_rng(seed)
    weight = np.ones(places.shape[:-1])
    weight[..., : len(points.OBJECT)] = rng.uniform(size=(COUNT, 3, len(points.OBJECT))) < 0.5
    noisy = places + pixels * PIXEL * rng.normal(size=places.shape)
    return solve.Seen(noisy, np.full(weight.shape, pixels * PIXEL), weight)


def guess(position, orientation):
    """A first guess, 0.4 rad and about 1 cm off."""
    away = rotations.from_axis_angle(np.array([0.0, 0.6, 0.8]), 0.4)
    return position + 0.006, rotations.multiply(orientation, away)


def errors(solution, position, orientation):
    """Angles [degrees] and distances [mm], `[n]`."""
    turn = rotations.multiply(solution.orientation, rotations.conjugate(orientation))
    distance = np.linalg.norm(np.asarray(solution.position) - position, axis=-1)
    return np.degrees(rotations.angle(turn)), 1000 * distance


def test_exact_places_give_the_pose_and_how_the_cameras_turned(rig, scene):
    position, orientation, places = scene
    found = solve.solve(rig, seen(places, 0.0), *guess(position, orientation))
    angle, distance = errors(found, position, orientation)
    assert np.median(angle) < 0.2 and angle.max() < 0.5
    assert np.median(distance) < 0.3 and distance.max() < 1.0


@pytest.mark.parametrize("pixels", [0.5, 1.0])
def test_errors_grow_with_the_noise_and_are_those_that_it_reports(rig, scene, pixels):
    position, orientation, places = scene
    found = solve.solve(rig, seen(places, pixels), *guess(position, orientation))
    angle, distance = errors(found, position, orientation)
    assert np.median(angle) < 2.2 * pixels and np.median(distance) < 2.5 * pixels
    said = np.degrees(found.rotation_deviation), 1000 * np.asarray(found.position_deviation)
    for error, deviation in zip((angle, distance), said, strict=True):
        assert 0.3 < np.median(error) / np.median(deviation) < 1.2


def test_mistaken_places_are_borne(rig, scene):
    position, orientation, places = scene
    given = seen(places, 0.5)
    wrong = np.random.default_rng(2).uniform(size=given.weight.shape) < 0.1
    off = np.where(wrong[..., None], 0.3, 0.0)
    found = solve.solve(rig, given._replace(place=given.place + off), *guess(position, orientation))
    angle, distance = errors(found, position, orientation)
    assert np.median(angle) < 2.0 and np.median(distance) < 2.5


def test_a_camera_that_moved_does_not_fit(rig, scene):
    position, orientation, places = scene
    given, shift = seen(places, 0.5), np.zeros((3, 1, 2))
    still = solve.solve(rig, given, *guess(position, orientation)).misfit
    shift[1, 0] = 0.0, 0.6  # nine degrees
    moved = solve.solve(
        rig, given._replace(place=given.place + shift), *guess(position, orientation)
    ).misfit
    assert float(jnp.max(still)) < float(jnp.min(jnp.max(moved, axis=1)))


def test_a_camera_that_shows_nothing_is_left_out(rig, scene):
    position, orientation, places = scene
    given = seen(places, 0.5)
    dark = np.array([1.0, 0.0, 1.0])[:, None]
    rubbish = np.where(dark[..., None] == 0, 0.0, given.place)
    found = solve.solve(
        rig,
        given._replace(place=rubbish, weight=given.weight * dark),
        *guess(position, orientation),
    )
    angle, distance = errors(found, position, orientation)
    assert np.median(angle) < 2.5 and np.median(distance) < 3.5


def test_a_robot_host_solves_the_same(rig, scene):
    theirs = pytest.importorskip("hardware.sight.solve")
    cameras = [theirs.Camera(*rest, None) for rest in _camera_fields()]
    solver = theirs.Solver(solve.geometry(rig), cameras, rig.field_of_view)
    position, orientation, places = scene
    given = seen(places, 0.7)
    start = guess(position, orientation)
    ours = solve.solve(rig, given, *start)
    for row in range(COUNT):
        found = solver.solve(
            theirs.SeenPoints(*(part[row] for part in given)),
            start[0][row],
            np.asarray(start[1])[row],
        )
        np.testing.assert_allclose(found.position, ours.position[row], atol=2e-5)
        turn = rotations.multiply(found.orientation, rotations.conjugate(ours.orientation[row]))
        assert float(rotations.angle(turn)) < 1e-3
        np.testing.assert_allclose(found.misfit, ours.misfit[row], rtol=0.01, atol=0.01)
        assert found.position_deviation == pytest.approx(
            float(ours.position_deviation[row]), rel=0.01
        )
        assert found.rotation_deviation == pytest.approx(
            float(ours.rotation_deviation[row]), rel=0.01
        )


def _camera_fields():
    return [
        (camera.name, np.array(camera.position), np.array(camera.quaternion), camera.field_of_view)
        for camera in hand.RIG
    ]
