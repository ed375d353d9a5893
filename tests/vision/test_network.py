"""The first look and the estimator: shapes, rotations, uncertainty, and learning."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax.hand import rotations
from dactyl_jax.vision import config as config_lib
from dactyl_jax.vision import images, solve
from dactyl_jax.vision.estimator import LARGEST_DOUBT, Estimator
from dactyl_jax.vision.eyes import make_eyes
from dactyl_jax.vision.frames import Truth
from dactyl_jax.vision.loss import errors, loss
from dactyl_jax.vision.network import Estimate, _spatial_softmax, make_network, orientation
from dactyl_jax.vision.trainer import VisionTrainer

SIZE = 32
davenport = jax.jit(orientation)


def small_config(**fields):
    config = config_lib.default()
    config.image_size = SIZE
    config.network.channels, config.network.blocks = (8,), (1,)
    config.network.strides, config.network.points = (1,), 14
    config.network.dense = (32,)
    for part in (config.closer.object, config.closer.forearm):
        part.channels, part.dilations = 8, (1,)
    config.training.frames = config.training.batch = 8
    config.update_from_flattened_dict(fields)
    return config


def untrained(config) -> Estimator:
    eyes = make_eyes(config)
    return Estimator(eyes, solve.rig(config), eyes.initial_parameters(jax.random.key(0)), 0, 0)


def truth_of(position, quaternion) -> Truth:
    count = len(position)
    return Truth(
        jnp.asarray(position),
        jnp.asarray(quaternion),
        jnp.zeros((count, 3, 15, 2)),
        jnp.ones((count, 3, 15), bool),
        jnp.zeros((count, 3, 7, 2)),
    )


def test_orientation_is_the_rotation_of_a_matrix_and_has_no_doubt():
    quaternion = rotations.random(jax.random.key(0), (50,))
    found, doubt = davenport(rotations.matrix(quaternion))
    np.testing.assert_allclose(found, quaternion, atol=2e-3)
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1, atol=1e-5)
    assert float(doubt.max()) < 2e-3


def test_a_mean_of_rotations_gives_the_middle_and_how_far_they_lie_apart():
    axis = jnp.array([0.0, 0.6, 0.8])
    middle = rotations.random(jax.random.key(1))
    for angle in (0.1, 0.5, 1.0):
        pair = jnp.stack(
            [
                rotations.multiply(rotations.from_axis_angle(s * axis, angle), middle)
                for s in (1, -1)
            ]
        )
        found, doubt = davenport(jnp.mean(rotations.matrix(pair), axis=0))
        difference = rotations.angle(rotations.multiply(found, rotations.conjugate(middle)))
        assert float(difference) < 2e-3
        assert abs(float(doubt) - angle) < 2e-3


def test_two_poses_a_quarter_apart_give_the_one_between_and_a_robot_believes_it():
    turns = [rotations.from_axis_angle(jnp.eye(3)[2], angle) for angle in (0.0, jnp.pi / 2)]
    found, doubt = davenport(
        jnp.mean(jnp.stack([rotations.matrix(turn) for turn in turns]), axis=0)
    )
    assert float(rotations.angle(found)) == pytest.approx(np.pi / 4, abs=1e-3)
    assert float(doubt) == pytest.approx(np.pi / 4, abs=1e-3)
    assert float(doubt) < LARGEST_DOUBT


def test_the_doubt_that_a_robot_leaves_out_is_the_one_that_is_reported():
    assert pytest.importorskip("hardware.sight.camera_tracker").USUAL.doubt == LARGEST_DOUBT


def test_an_unmarked_block_leaves_all_doubt():
    turns = [
        rotations.from_axis_angle(jnp.eye(3)[i], k * jnp.pi / 2) for i in range(3) for k in range(4)
    ]
    group = {
        tuple(np.round(np.asarray(rotations.matrix(rotations.multiply(a, b))).ravel()).tolist())
        for a in turns
        for b in turns
    }
    assert len(group) == 24
    mean = np.mean([np.reshape(matrix, (3, 3)) for matrix in group], axis=0)
    _, doubt = davenport(jnp.asarray(mean, jnp.float32))
    assert abs(np.degrees(doubt) - 120) < 0.1  # the mean cosine is -1/2


def test_the_loss_knows_no_sign_of_a_quaternion():
    key = jax.random.key(0)
    quaternion = rotations.random(key, (5,))
    estimate = Estimate(
        jnp.zeros((5, 3)),
        jax.random.normal(key, (5, 3, 3)),
        jnp.zeros((5, 3, 7, 2)),
        jnp.zeros((5, 3, 7, 2)),
        jnp.zeros((5, 3, 7)),
    )
    value = jax.jit(lambda *given: loss(*given, 1.0)[0])
    both = [value(estimate, truth_of(jnp.zeros((5, 3)), s * quaternion)) for s in (1, -1)]
    assert float(both[0]) == pytest.approx(float(both[1]), rel=1e-6)
    exact = dataclasses.replace(
        estimate, matrix=rotations.matrix(quaternion), presence=20 * jnp.ones((5, 3, 7))
    )
    assert float(value(exact, truth_of(jnp.zeros((5, 3)), -quaternion))) < 1e-6


def test_errors_are_angles_and_distances():
    turn = rotations.from_axis_angle(jnp.array([[1.0, 0.0, 0.0]]), jnp.array([0.3]))
    still = jnp.array([[1.0, 0.0, 0.0, 0.0]])
    truth = truth_of(jnp.zeros((1, 3)), -still)
    rotation, position = errors(jnp.array([[0.003, 0.0, 0.004]]), turn, truth)
    assert float(rotation[0]) == pytest.approx(0.3, abs=1e-5)
    assert float(position[0]) == pytest.approx(0.005, rel=1e-5)


def test_the_spatial_softmax_finds_the_hot_place():
    heat = np.zeros((1, 5, 10, 2), np.float32)
    heat[0, 1, 7, 0] = heat[0, 4, 0, 1] = 100.0
    places, strength = _spatial_softmax(jnp.asarray(heat))
    np.testing.assert_allclose(places[0], [[0.5, -0.4], [-0.9, 0.8]], atol=1e-5)
    np.testing.assert_allclose(strength[0], 100, atol=1e-3)


@pytest.mark.parametrize("stem", ["strided", "paper"])
def test_both_stems_give_poses_at_once(stem):
    estimator = untrained(small_config(**{"network.stem": stem}))
    pictures = np.random.default_rng(0).integers(0, 256, (5, 3, SIZE, SIZE, 3)).astype(np.uint8)
    poses = estimator.estimate(pictures, batch=2)
    assert poses.position.shape == (5, 3) and poses.orientation.shape == (5, 4)
    np.testing.assert_allclose(np.linalg.norm(poses.orientation, axis=-1), 1, atol=1e-5)
    one = estimator.estimate(pictures[3:], batch=2)
    np.testing.assert_allclose(one.position[0], poses.position[3], atol=1e-6)


def test_wrong_pictures_are_named():
    estimator = untrained(small_config())
    with pytest.raises(ValueError, match="cameras fingers, thumb, little"):
        estimator.estimate(np.zeros((1, 2, SIZE, SIZE, 3), np.uint8))
    for look in (estimator.estimate, estimator.estimate_normal):
        with pytest.raises(ValueError, match=r"trained on \[n, 3, 32, 32, 3\]"):
            look(np.zeros((1, 3, 40, 40, 3), np.uint8))
    with pytest.raises(ValueError, match="must be uint8"):
        estimator.estimate(np.zeros((1, 3, SIZE, SIZE, 3), np.float32))
    with pytest.raises(ValueError, match=r"network\.points is 4"):
        make_network(small_config(**{"network.points": 4}))


@pytest.fixture(scope="module")
def learning():
    """Returns a trainer, eight frames of noise and their truth."""
    config = small_config(
        **{"training.learning_rate": 3e-3, "training.passes": 12, "training.batch": 4}
    )
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (8, 3, SIZE, SIZE, 3)).astype(np.uint8)
    position = np.array([0.05, 0.0, 0.3]) + rng.normal(0, 0.02, (8, 3))
    truth = truth_of(position.astype(np.float32), rotations.random(jax.random.key(5), (8,)))

    def vary(numbers, seen):
        contrast = 1.0 + 0.05 * jnp.sin(numbers)
        return images.normalize(seen) * contrast[:, None, None, None, None]

    return VisionTrainer(config, make_eyes(config), vary), pictures, truth


def test_it_learns_a_few_frames_by_heart(learning):
    trainer, pictures, truth = learning
    state = trainer.initial_state()
    losses = []
    for _ in range(6):
        state, metrics = trainer.iteration(state, pictures, truth)
        losses.append(metrics["rotation_loss"] + metrics["position_loss"])
    assert losses[0] > 2.0
    assert losses[-1] < 0.3 * losses[0]
    assert int(state.iteration) == 6


def test_the_same_iterations_give_the_same_bits(learning):
    trainer, pictures, truth = learning
    results = []
    for _ in range(2):
        state, _ = trainer.iteration(trainer.initial_state(), pictures, truth)
        results.append(trainer.iteration(state, pictures, truth)[0])
    for one, other in zip(*map(jax.tree.leaves, results), strict=True):
        np.testing.assert_array_equal(one, other)
