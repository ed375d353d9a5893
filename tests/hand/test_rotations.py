"""Quaternion functions agree with MuJoCo and with closed forms."""

import jax
import mujoco
import numpy as np
import pytest

from dactyl_jax.hand import rotations


@pytest.fixture(scope="module")
def pairs() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    q = rng.normal(size=(2, 50, 4))
    q /= np.linalg.norm(q, axis=-1, keepdims=True)
    return q[0], q[1], rng.normal(size=(50, 3))


def test_products_and_rotated_vectors_equal_mujoco(pairs):
    p, q, v = pairs
    products, turned = np.zeros_like(p), np.zeros_like(v)
    for i in range(len(p)):
        mujoco.mju_mulQuat(products[i], p[i], q[i])
        mujoco.mju_rotVecQuat(turned[i], v[i], q[i])
    np.testing.assert_allclose(rotations.multiply(p, q), products, atol=1e-6)
    np.testing.assert_allclose(rotations.rotate(q, v), turned, atol=2e-6)


def test_product_turns_by_the_right_factor_first(pairs):
    p, q, v = pairs
    np.testing.assert_allclose(
        rotations.rotate(rotations.multiply(p, q), v),
        rotations.rotate(p, rotations.rotate(q, v)),
        atol=2e-6,
    )


def test_conjugate_inverts(pairs):
    _, q, _ = pairs
    identity = rotations.multiply(q, rotations.conjugate(q))
    np.testing.assert_allclose(identity, np.tile([1.0, 0, 0, 0], (50, 1)), atol=1e-6)


def test_axis_angle_round_trip_broadcasts():
    angles = np.array([0.0, 1e-4, 0.4, 3.0, np.pi])
    q = rotations.from_axis_angle(np.array([0.0, 0.6, 0.8]), angles)
    assert q.shape == (5, 4)
    np.testing.assert_allclose(rotations.angle(q), angles, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(rotations.angle(-q), angles, rtol=1e-5, atol=1e-7)
    one_angle = rotations.from_axis_angle(np.eye(3), 0.3)
    np.testing.assert_allclose(rotations.angle(one_angle), 0.3, rtol=1e-5)


def test_quarter_turn_about_z_takes_x_to_y():
    q = rotations.from_axis_angle(np.array([0.0, 0.0, 1.0]), np.pi / 2)
    np.testing.assert_allclose(rotations.rotate(q, np.array([1.0, 0, 0])), [0, 1, 0], atol=1e-6)


def test_matrix_turns_as_the_quaternion_does(pairs):
    p, q, v = pairs
    matrices = rotations.matrix(np.stack([p, q]))
    assert matrices.shape == (2, 50, 3, 3)
    turned = np.einsum("pnij,nj->pni", matrices, v)
    np.testing.assert_allclose(turned[0], rotations.rotate(p, v), atol=2e-6)
    np.testing.assert_allclose(turned[1], rotations.rotate(q, v), atol=2e-6)


def test_angle_has_a_finite_gradient_at_the_identity():
    gradient = jax.grad(lambda q: rotations.angle(q))(np.array([1.0, 0, 0, 0], np.float32))
    assert np.isfinite(gradient).all()


def test_canonical_keeps_the_rotation(pairs):
    p, _, v = pairs
    q = rotations.canonical(p)
    assert (np.asarray(q)[:, 0] >= 0).all()
    np.testing.assert_allclose(rotations.rotate(q, v), rotations.rotate(p, v), atol=2e-6)


def test_random_rotations_are_uniform():
    q = rotations.random(jax.random.key(0), (4000, 2))
    assert q.shape == (4000, 2, 4)
    np.testing.assert_allclose(np.linalg.norm(q, axis=-1), 1.0, atol=1e-6)
    assert (np.asarray(q)[..., 0] >= 0).all()
    # The mean angle of a uniform rotation is pi/2 + 2/pi; images of a fixed vector average to 0.
    assert abs(float(rotations.angle(q).mean()) - (np.pi / 2 + 2 / np.pi)) < 0.03
    assert np.abs(rotations.rotate(q, np.array([1.0, 0, 0])).mean((0, 1))).max() < 0.03
