"""Frames by number: a state of the pool, an object pose, an appearance, and the ground truth."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import mujoco
from ml_collections import ConfigDict

from dactyl_jax import hand
from dactyl_jax.hand import rotations
from dactyl_jax.hand.objects import BLOCK_HALF_EDGE
from dactyl_jax.rendering import Looks, nominal
from dactyl_jax.vision import appearance, images, points
from dactyl_jax.vision.pool import Pool
from dactyl_jax.vision.terms import apply_all, integer, materials

_FACING = 0.15  # cosine to the line of sight above which a face counts as visible


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Truth:
    """Ground truth of a frame; of several with a leading `[n]`.

    Attributes:
        position: `[3]` m, the object's centre in the frame of `rh_forearm`.
        orientation: `[4]`, the object's orientation in that frame.
        keypoints: `[camera, 15, 2]`, image positions of `points.OBJECT`: right and down, -1 to 1
            from edge to edge.
        facing: `[camera, 15]` bool, whether they lie in the image and on a side of the object that
            faces the camera; the centre always does.
        landmarks: `[camera, 7, 2]`, image positions of `points.FOREARM`; they may be outside the
            image.
    """

    position: jax.Array
    orientation: jax.Array
    keypoints: jax.Array
    facing: jax.Array
    landmarks: jax.Array


class FrameSource:
    """Draws frames; frame n of a stream depends on the pool, the configuration, the stream and n.

    Args:
        config: configuration of vision, see `vision.config`.
        model: model with cameras.
        pool: simulated states.
        stream: number of the stream of frames, for example training's.
    """

    def __init__(self, config: ConfigDict, model: mujoco.MjModel, pool: Pool, stream: int) -> None:
        self._config = config
        self._layout = hand.layout(model)
        self._nominal = nominal(model)
        self._materials = materials(model)
        key = jax.random.fold_in(jax.random.key(config.seed), stream)
        # States and key are arguments, so that all streams share the compiled code.
        self.draw = functools.partial(
            jax.jit(jax.vmap(self._draw, (None, None, 0))), key, jnp.asarray(pool.qpos)
        )
        self.draw_looks = functools.partial(jax.jit(jax.vmap(self._looks, (None, 0))), key)
        self.vary = functools.partial(jax.jit(jax.vmap(self._vary, (None, 0, 0))), key)

    def _draw(
        self, key: jax.Array, states: jax.Array, number: jax.Array
    ) -> tuple[jax.Array, Looks, Truth]:
        """State `[nq]`, appearance and truth of a numbered frame; `draw` takes many, `[n]`."""
        row_key, pose_key, _ = _keys(key, number)
        row = integer(jax.random.uniform(row_key), 0, len(states))
        qpos = self._pose(pose_key, states[row])
        looks = self._looks(key, number)
        return qpos, looks, self._truth(qpos, looks)

    def _looks(self, key: jax.Array, number: jax.Array) -> Looks:
        """Appearance of a numbered frame, whatever it shows; `draw_looks` takes many, `[n]`."""
        _, _, key = _keys(key, number)
        return apply_all(appearance.TERMS, self._config.terms, key, self._nominal, self._materials)

    def _vary(self, key: jax.Array, number: jax.Array, pictures: jax.Array) -> jax.Array:
        """Augments a frame's images `[camera, size, size, 3]` uint8 for the network.

        `number` is any integer; the same frame gives different results for different numbers.
        """
        key = jax.random.fold_in(jax.random.fold_in(key, 2**31 - 1), number)
        normal = images.normalize(pictures)
        return apply_all(images.TERMS, self._config.terms, key, normal, self._materials)

    def _pose(self, key: jax.Array, qpos: jax.Array) -> jax.Array:
        """Keeps the object's pose, rotates it by quarter turns about one of its axes, or jitters
        it."""
        law = self._config.pose
        kind_key, jitter_key = jax.random.split(key)
        place, spin = self._layout.object_qpos[:3], self._layout.object_qpos[3:]
        kind, axis, quarters = jax.random.uniform(kind_key, (3,))
        quarter = rotations.from_axis_angle(
            jnp.eye(3)[integer(axis, 0, 3)], integer(quarters, 1, 4) * jnp.pi / 2
        )
        vector, shift = jax.random.normal(jitter_key, (2, 3))
        angle = jnp.linalg.norm(vector)
        jitter = rotations.from_axis_angle(vector / angle, jnp.radians(law.jitter_deg) * angle)
        shift *= law.jitter_m
        turned = (kind >= law.kept) & (kind < law.kept + law.turned)
        jittered = kind >= law.kept + law.turned
        still = jnp.array([1.0, 0.0, 0.0, 0.0])
        change = jnp.where(turned, quarter, jnp.where(jittered, jitter, still))
        qpos = qpos.at[spin].set(rotations.multiply(qpos[spin], change))
        return qpos.at[place].add(jnp.where(jittered, shift, 0.0))

    def _truth(self, qpos: jax.Array, looks: Looks) -> Truth:
        forearm = jnp.asarray(self._layout.forearm_quaternion, jnp.float32)
        origin = jnp.asarray(self._layout.forearm_position, jnp.float32)
        pose = qpos[self._layout.object_qpos]
        position = rotations.rotate(rotations.conjugate(forearm), pose[:3] - origin)
        orientation = rotations.multiply(rotations.conjugate(forearm), pose[3:])
        arms = rotations.rotate(orientation, jnp.asarray(points.OBJECT, jnp.float32))  # [15, 3]
        keypoints = project(position + arms, looks)
        faces = arms[points.FACES]
        sight = position + faces - looks.camera_position[:, None]  # [camera, 6, 3]
        cosine = -jnp.sum(faces * sight, axis=-1) / (
            BLOCK_HALF_EDGE * jnp.linalg.norm(sight, axis=-1)
        )
        facing = jnp.any((cosine > _FACING)[:, None] & points.ON_FACE, axis=-1).at[:, 0].set(True)
        inside = jnp.all(jnp.abs(keypoints) < 1.0, axis=-1)
        landmarks = project(jnp.asarray(points.FOREARM, jnp.float32), looks)
        return Truth(
            position, rotations.canonical(orientation), keypoints, facing & inside, landmarks
        )


def project(places: jax.Array, looks: Looks) -> jax.Array:
    """Image positions of places `[n, 3]` in the forearm's frame, `[camera, n, 2]`; see
    `points.project`."""
    cameras = looks.camera_position, looks.camera_quaternion, looks.field_of_view
    return jax.vmap(points.project, (None, 0, 0, 0))(places, *cameras)


def _keys(key: jax.Array, number: jax.Array) -> jax.Array:
    """Keys of a frame's state, pose and appearance."""
    return jax.random.split(jax.random.fold_in(key, number), 3)
