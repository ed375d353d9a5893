"""The views of the rig's three cameras, by the ray tracer, in batches."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from mujoco import mjx

from dactyl_jax import hand
from dactyl_jax.hand import rotations
from dactyl_jax.rendering import looks as looks_lib
from dactyl_jax.rendering.looks import Looks
from dactyl_jax.rendering.raytracer import RayTracer, opaque, unpack
from dactyl_jax.rendering.tabletop import draw_table

_SHADOW = 0.3  # fraction of a light that reaches shadowed points, by reflection in the scene


def default_batch() -> int:
    """Number of frames that is fast to render in one call of the ray tracer on this device."""
    return 4 if jax.default_backend() == "cpu" else 32


def take(frames: Any, chosen: np.ndarray) -> Any:
    """Selects frames of a tree of arrays `[n, ...]`."""
    return jax.tree.map(lambda x: x[chosen], frames)


class Views:
    """Renders frames of a model with cameras (`hand.load_model(..., cameras=...)`).

    Args:
        model: the model.
        size: width and height of an image, pixels.
        batch: frames rendered in one call of the ray tracer; `render` takes any number. The default
            is fast: small on a CPU, so that it fits in the caches, large on an accelerator.

    Raises:
        ValueError: the model has no cameras, or a size is not positive.
    """

    name = "warp"

    def __init__(self, model: mujoco.MjModel, size: int, *, batch: int | None = None) -> None:
        self._cameras = looks_lib.camera_ids(model)
        names = [camera.name for camera in hand.RIG]
        self.batch = batch or default_batch()
        tracer = RayTracer(
            model, names, size, size, batch=self.batch, shadow=_SHADOW, ambient=False
        )
        layout = hand.layout(model)
        self._forearm = (
            jnp.asarray(layout.forearm_position, jnp.float32),
            jnp.asarray(layout.forearm_quaternion, jnp.float32),
        )
        self._half_view = jnp.tan(jnp.radians(jnp.asarray(model.cam_fovy[self._cameras])) / 2)
        self._size = size
        self._draw = jax.jit(functools.partial(self._batch_of, tracer))

    def render(self, qpos: np.ndarray, looks: Looks) -> np.ndarray:
        """Renders images of states.

        Args:
            qpos: [n, 31], joint angles and the object's pose in the world frame.
            looks: [n, ...] appearance of the frames.

        Returns:
            [n, camera, size, size, 3] uint8, cameras in the order of `hand.RIG`.
        """
        count = len(qpos)
        frames = np.asarray(qpos, np.float32), jax.device_get(looks)
        pictures = []
        for start in range(0, count, self.batch):
            chosen = np.minimum(np.arange(start, start + self.batch), count - 1)
            pictures.append(np.asarray(self._draw(*take(frames, chosen))))
        return np.concatenate(pictures)[:count]

    def _batch_of(self, tracer: RayTracer, qpos: jax.Array, looks: Looks) -> jax.Array:
        """`render` for exactly one batch; to be compiled."""

        def pose(qpos: jax.Array) -> mjx.Data:
            return mjx.kinematics(tracer.model, tracer.data.replace(qpos=qpos))

        data = jax.vmap(pose)(qpos)
        origin, forearm = self._forearm
        position = origin + rotations.rotate(forearm, looks.camera_position)
        turn = rotations.matrix(rotations.multiply(forearm, looks.camera_quaternion))
        # Rays are computed once, for the model's fields of view; longer axes widen the view.
        wider = jnp.tan(jnp.radians(looks.field_of_view) / 2) / self._half_view
        axes = turn.at[..., :2].multiply(wider[..., None, None])
        data = data.tree_replace(
            {
                "cam_xpos": data.cam_xpos.at[:, self._cameras].set(position),
                "cam_xmat": data.cam_xmat.at[:, self._cameras].set(axes),
                "_impl.light_xdir": looks.light_direction,
            }
        )
        pixels = tracer.trace(self._looking(tracer.model, looks), data)
        # Tracing the table would take half of the rays' time.
        table = jax.vmap(draw_table, (0, 0, 0, None))(looks, position, turn, self._size)
        return unpack(jnp.where(opaque(pixels), pixels, table))

    def _looking(self, model: mjx.Model, looks: Looks) -> mjx.Model:
        """The model with each frame's appearance."""
        shines = jnp.any(looks.light_colour > 0, axis=-1)
        return model.tree_replace(
            {
                "mat_rgba": looks.rgba,
                "mat_specular": looks.specular,
                "mat_shininess": looks.shininess,
                # Replaces ambient light, which the ray tracer sums over lights, at a fifth of its
                # time.
                "mat_emission": jnp.tile(looks.light_ambient[:, None], looks.specular.shape[1:]),
                "light_active": shines,
                "light_diffuse": looks.light_colour,
                "light_specular": looks_lib.SPECULAR * looks.light_colour,
                "light_castshadow": looks.light_shadow & shines,
            }
        )
