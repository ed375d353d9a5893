"""Unit quaternions (w, x, y, z), Hamilton's product, as pure functions over `[..., 4]` arrays.

A quaternion `q` rotates a vector `v` by `q v conj(q)`; `multiply(p, q)` rotates by `q` first, then
by `p`. All functions broadcast over leading axes and accept numpy or JAX arrays. They use
elementwise arithmetic, so that no device evaluates them at reduced matrix precision.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike


def multiply(p: ArrayLike, q: ArrayLike) -> jax.Array:
    """Hamilton product `p q`: the rotation `q` followed by the rotation `p`, `[..., 4]`."""
    pw, px, py, pz = _parts(p)
    qw, qx, qy, qz = _parts(q)
    return jnp.stack(
        [
            pw * qw - px * qx - py * qy - pz * qz,
            pw * qx + px * qw + py * qz - pz * qy,
            pw * qy - px * qz + py * qw + pz * qx,
            pw * qz + px * qy - py * qx + pz * qw,
        ],
        axis=-1,
    )


def conjugate(q: ArrayLike) -> jax.Array:
    """The inverse of a unit quaternion, `[..., 4]`."""
    q = jnp.asarray(q)
    return jnp.concatenate([q[..., :1], -q[..., 1:]], axis=-1)


def rotate(q: ArrayLike, v: ArrayLike) -> jax.Array:
    """Rotates the vectors `v` `[..., 3]` by the unit quaternions `q` `[..., 4]`."""
    q, v = jnp.asarray(q), jnp.asarray(v)
    w, u = q[..., :1], q[..., 1:]
    twice = 2.0 * jnp.cross(u, v)
    return v + w * twice + jnp.cross(u, twice)


def matrix(q: ArrayLike) -> jax.Array:
    """Rotation matrices of unit quaternions, `[..., 3, 3]`; column i is the rotated axis i."""
    q = jnp.asarray(q)[..., None, :]
    return jnp.swapaxes(rotate(q, jnp.eye(3)), -1, -2)


def from_axis_angle(axis: ArrayLike, angle: ArrayLike) -> jax.Array:
    """Rotation by `angle` `[...]` (rad) about the unit vector `axis` `[..., 3]`."""
    half = 0.5 * jnp.asarray(angle)[..., None]
    cos, sin = jnp.broadcast_arrays(jnp.cos(half), jnp.sin(half) * jnp.asarray(axis))
    return jnp.concatenate([cos[..., :1], sin], axis=-1)


def angle(q: ArrayLike) -> jax.Array:
    """Angle of the rotation `q` `[..., 4]` about its axis, in `[0, pi]` rad.

    Both signs of `q` give the same angle. The arc tangent is accurate for small angles, where the
    arc cosine of `w` loses half of its digits; its gradient is finite everywhere.
    """
    q = jnp.asarray(q)
    square = jnp.sum(q[..., 1:] ** 2, axis=-1)
    is_zero = square == 0.0
    sine = jnp.where(is_zero, 0.0, jnp.sqrt(jnp.where(is_zero, 1.0, square)))
    return 2.0 * jnp.arctan2(sine, jnp.abs(q[..., 0]))


def canonical(q: ArrayLike) -> jax.Array:
    """Whichever of `q` and `-q` has `w >= 0`, `[..., 4]`; both are the same rotation."""
    q = jnp.asarray(q)
    return jnp.where(q[..., :1] < 0.0, -q, q)


def random(key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
    """Rotations uniform over SO(3), `[*shape, 4]`, with `w >= 0`.

    The direction of four independent normal variates is uniform on the sphere of unit quaternions.
    """
    q = jax.random.normal(key, (*shape, 4))
    return canonical(q / jnp.linalg.norm(q, axis=-1, keepdims=True))


def _parts(q: ArrayLike) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    q = jnp.asarray(q)
    return q[..., 0], q[..., 1], q[..., 2], q[..., 3]
