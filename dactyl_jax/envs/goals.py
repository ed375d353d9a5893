"""Goals: target orientations, near at first and anywhere once the curriculum is through."""

import jax
import jax.numpy as jnp

from dactyl_jax.hand import rotations

NEAREST = 0.5  # rad; just beyond the 0.4 rad at which a goal counts as reached


def draw(keys: jax.Array, orientation: jax.Array, farthest: jax.Array) -> jax.Array:
    """Draws a goal for each environment.

    Args:
        keys: `[E]`, one key an environment.
        orientation: the object's now, `[E, 4]`.
        farthest: `[]` rad. Below pi, goals lie between `NEAREST` and this angle from `orientation`,
            about a uniformly random axis; from pi on they are uniform over all orientations.

    Returns:
        Goal orientations `[E, 4]`, in the frame of `orientation`, with w >= 0.
    """

    def one(key, current):
        angle_key, axis_key = jax.random.split(key)
        angle = jax.random.uniform(angle_key, (), minval=NEAREST, maxval=farthest)
        normal = jax.random.normal(axis_key, (4,))
        uniform = rotations.canonical(normal / jnp.linalg.norm(normal))
        axis = normal[:3] / jnp.linalg.norm(normal[:3])
        near = rotations.multiply(rotations.from_axis_angle(axis, angle), current)
        return jnp.where(farthest >= jnp.pi, uniform, rotations.canonical(near))

    return jax.vmap(one)(keys, orientation)


def distance(goal: jax.Array, orientation: jax.Array) -> jax.Array:
    """Angle of the one rotation that takes `orientation` to `goal`, both `[E, 4]`: `[E]` rad."""
    return rotations.angle(rotations.multiply(goal, rotations.conjugate(orientation)))
