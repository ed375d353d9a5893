"""Goals: target orientations, near at first, anywhere once the curriculum is complete."""

import jax
import jax.numpy as jnp

from dactyl_jax.hand import rotations

NEAREST = 0.5  # rad; just above the 0.4 rad at which a goal counts as reached
DISTRIBUTIONS = ("uniform", "aligned")
_H = 0.5**0.5
# Rotations that bring each face of a block to the palm's normal, the x axis of `rh_forearm`.
_UPRIGHT = (
    (1.0, 0.0, 0.0, 0.0),
    (0.0, 0.0, 0.0, 1.0),
    (_H, 0.0, 0.0, -_H),
    (_H, 0.0, 0.0, _H),
    (_H, 0.0, _H, 0.0),
    (_H, 0.0, -_H, 0.0),
)


def draw(
    keys: jax.Array, orientation: jax.Array, farthest: jax.Array, distribution: str = "uniform"
) -> jax.Array:
    """Draws a goal for each environment.

    Args:
        keys: `[E]`, one per environment.
        orientation: current orientation of the object in the `rh_forearm` frame, `[E, 4]`.
        farthest: `[]` rad. Below pi, goals lie between `NEAREST` and this angle from `orientation`,
            about a uniformly random axis; from pi on they follow the distribution.
        distribution: `uniform` over all orientations, or `aligned`: one of the 24 upright poses of
            a block on the palm, rotated by a uniform angle about the palm's normal (robogym).

    Returns:
        Goal orientations `[E, 4]`, in the frame of `orientation`, with w >= 0.
    """

    def one(key, current):
        angle_key, axis_key = jax.random.split(key)
        angle = jax.random.uniform(angle_key, (), minval=NEAREST, maxval=farthest)
        normal = jax.random.normal(axis_key, (4,))
        axis = normal[:3] / jnp.linalg.norm(normal[:3])
        near = rotations.multiply(rotations.from_axis_angle(axis, angle), current)
        if distribution == "aligned":
            anywhere = _aligned(axis_key)
        else:
            anywhere = normal / jnp.linalg.norm(normal)
        return rotations.canonical(jnp.where(farthest >= jnp.pi, anywhere, near))

    return jax.vmap(one)(keys, orientation)


def _aligned(key: jax.Array) -> jax.Array:
    """An upright pose, `[4]`.

    The 24 poses are six faces times four quarter turns about the normal. The uniform angle already
    covers the quarter turns.
    """
    face_key, yaw_key = jax.random.split(key)
    upright = jnp.array(_UPRIGHT)[jax.random.randint(face_key, (), 0, len(_UPRIGHT))]
    yaw = jax.random.uniform(yaw_key, maxval=2 * jnp.pi)
    return rotations.multiply(rotations.from_axis_angle(jnp.array([1.0, 0, 0]), yaw), upright)


def distance(goal: jax.Array, orientation: jax.Array) -> jax.Array:
    """Angle of the rotation that takes `orientation` to `goal`, both `[E, 4]`: `[E]` rad."""
    return rotations.angle(rotations.multiply(goal, rotations.conjugate(orientation)))
