"""Known points of the object and the forearm, which the networks locate in the images."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from dactyl_jax.hand import rotations
from dactyl_jax.hand.objects import BLOCK_HALF_EDGE

_AXES = np.stack([np.eye(3), -np.eye(3)], axis=1).reshape(6, 3)  # x, -x, y, -y, z, -z
_CORNERS = np.array(list(itertools.product((1.0, -1.0), repeat=3)))

# The object's centre, points 25 mm from it along x, -x, y, -y, z, -z (a block's face centres), and
# a block's corners, `[15, 3]` m in the object's frame.
OBJECT = BLOCK_HALF_EDGE * np.concatenate([np.zeros((1, 3)), _AXES, _CORNERS])
FACES = slice(1, 7)  # of `OBJECT`
# Whether a point lies on a face of a block, `[15, 6]`: a face centre on one, a corner on three.
ON_FACE = np.concatenate([np.zeros((1, 6)), np.eye(6), _CORNERS @ _AXES.T]) > 0.5

# Points in the forearm's frame [m] whose image positions reveal the camera's orientation: the place
# where a block rests in the palm, which is in the air, and points of the forearm's end.
FOREARM = np.array(
    [
        [0.050, 0.0, 0.305],
        [0.0, 0.0, 0.213],
        [0.0, 0.035, 0.190],
        [0.0, -0.035, 0.190],
        [0.030, 0.0, 0.200],
        [0.0, 0.025, 0.225],
        [0.0, -0.025, 0.225],
    ]
)
FIXED = slice(1, 7)  # of `FOREARM`: those of its end


def project(
    places: ArrayLike, position: ArrayLike, quaternion: ArrayLike, field_of_view: ArrayLike
) -> jax.Array:
    """Image positions of places `[n, 3]` m for one camera, see `hand.Camera`.

    Returns:
        `[n, 2]`, right and down, -1 to 1 from edge to edge.
    """
    sight = jnp.asarray(places) - jnp.asarray(position)
    # The camera looks along -z.
    seen = rotations.rotate(rotations.conjugate(jnp.asarray(quaternion)), sight)
    scale = -seen[:, 2:] * jnp.tan(jnp.radians(field_of_view) / 2)
    return seen[:, :2] * jnp.array([1.0, -1.0]) / scale
