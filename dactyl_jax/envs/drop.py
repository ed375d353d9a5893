"""When the object counts as dropped."""

import jax
import jax.numpy as jnp
import numpy as np

from dactyl_jax import hand, physics

# Box around the centre of the palm's surface, in world axes (m): [axis, low and high].
BOX = np.array([[-0.12, 0.12], [-0.12, 0.12], [-0.04, 0.15]], np.float32)


def dropped(layout: hand.Layout, state: physics.State) -> jax.Array:
    """Whether the object's centre has left the box around the palm, `[E]` bool."""
    palm = jnp.asarray(layout.palm_position, jnp.float32)
    offset = state.qpos[:, layout.object_qpos[:3]] - palm
    return jnp.any((offset < BOX[:, 0]) | (offset > BOX[:, 1]), axis=-1)
