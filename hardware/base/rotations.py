"""Unit quaternions (w, x, y, z) with Hamilton's product, in numpy; leading axes broadcast.

`multiply(p, q)` rotates by `q` first, then by `p`.
"""

from __future__ import annotations

import numpy as np


def multiply(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """The rotation `q` followed by the rotation `p`, `[..., 4]`."""
    pw, px, py, pz = _parts(p)
    qw, qx, qy, qz = _parts(q)
    parts = (
        pw * qw - px * qx - py * qy - pz * qz,
        pw * qx + px * qw + py * qz - pz * qy,
        pw * qy - px * qz + py * qw + pz * qx,
        pw * qz + px * qy - py * qx + pz * qw,
    )
    return np.stack(parts, axis=-1)


def conjugate(q: np.ndarray) -> np.ndarray:
    """The inverse of a unit quaternion, `[..., 4]`."""
    return np.asarray(q, float) * [1.0, -1.0, -1.0, -1.0]


def rotate(q: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The vectors `v` `[..., 3]` rotated by the unit quaternions `q` `[..., 4]`."""
    w, x, y, z = _parts(q)
    a, b, c = _parts(v)
    ta, tb, tc = 2.0 * (y * c - z * b), 2.0 * (z * a - x * c), 2.0 * (x * b - y * a)
    parts = (
        a + w * ta + (y * tc - z * tb),
        b + w * tb + (z * ta - x * tc),
        c + w * tc + (x * tb - y * ta),
    )
    return np.stack(parts, axis=-1)


def matrix(q: np.ndarray) -> np.ndarray:
    """Rotation matrices, `[..., 3, 3]`; column i is the rotated axis i."""
    turned = rotate(np.asarray(q, float)[..., None, :], np.eye(3))
    return np.swapaxes(turned, -1, -2)


def from_axis_angle(axis: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """The rotation by `angle` `[...]` (rad) about the unit vector `axis` `[..., 3]`."""
    half = 0.5 * np.asarray(angle, float)[..., None]
    sin = np.sin(half) * np.asarray(axis, float)
    return np.concatenate([np.broadcast_to(np.cos(half), (*sin.shape[:-1], 1)), sin], axis=-1)


def nearest(mean: np.ndarray) -> tuple[np.ndarray, float]:
    """The rotation nearest to a mean of rotation matrices, and its uncertainty.

    Uses Davenport's q-method (1968), as in training.

    Args:
        mean: mean of rotation matrices, `[3, 3]`.

    Returns:
        The rotation, `[4]` with `w >= 0`, and its uncertainty, rad: the angle whose cosine is the
        expected cosine of the error. It is 0 if all rotations agree and 120 degrees if they are
        uniform.
    """
    m, trace = np.asarray(mean, float), float(np.trace(mean))
    davenport = np.empty((4, 4))
    davenport[0, 0] = trace
    davenport[0, 1:] = davenport[1:, 0] = m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]
    davenport[1:, 1:] = m + m.T - trace * np.eye(3)
    values, vectors = np.linalg.eigh(davenport)
    return canonical(vectors[:, -1]), float(np.arccos(np.clip((values[-1] - 1) / 2, -0.5, 1.0)))


def angle(q: np.ndarray) -> np.ndarray:
    """The angle of the rotation `q` `[..., 4]`, in `[0, pi]` rad; `q` and `-q` give the same."""
    q = np.asarray(q, float)
    return 2.0 * np.arctan2(np.linalg.norm(q[..., 1:], axis=-1), np.abs(q[..., 0]))


def canonical(q: np.ndarray) -> np.ndarray:
    """The quaternion with `w >= 0` of the two that describe a rotation, `[..., 4]`."""
    q = np.asarray(q, float)
    return np.where(q[..., :1] < 0.0, -q, q)


def _parts(array: np.ndarray) -> tuple[np.ndarray, ...]:
    """The components along the last axis."""
    array = np.asarray(array, float)
    return tuple(array[..., i] for i in range(array.shape[-1]))
