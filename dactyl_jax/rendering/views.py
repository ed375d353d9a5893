"""What the rig's three cameras see, by the ray tracer, in batches."""

import functools
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from mujoco import mjx

from dactyl_jax import hand
from dactyl_jax.cpus import available_cpus
from dactyl_jax.hand import rotations
from dactyl_jax.rendering import looks as looks_lib
from dactyl_jax.rendering.looks import Looks
from dactyl_jax.rendering.raytracer import RayTracer
from dactyl_jax.rendering.tabletop import draw_table

_SHADOW = 0.3  # share of a light that reaches its shadow, from all that the scene reflects


class Views:
    """Draws frames of a model with cameras (`hand.load_model(..., cameras=...)`).

    Args:
        model: the model.
        size: width and height of a picture, in pixels.
        batch: frames drawn in one call of the ray tracer; any number can be asked for.
        workers: calls at a time; by default one on an accelerator, and on a CPU, where the ray
            tracer keeps to one core, as many as there are cores.

    Raises:
        ValueError: the model has no cameras, or a size is not positive.
    """

    name = "warp"

    def __init__(
        self, model: mujoco.MjModel, size: int, *, batch: int = 32, workers: int | None = None
    ) -> None:
        self._cameras = looks_lib.camera_ids(model)
        names = [camera.name for camera in hand.RIG]
        on_cpu = jax.default_backend() == "cpu"
        self._workers = workers or (available_cpus() if on_cpu else 1)
        # Each worker draws into buffers of its own.
        tracers = [
            RayTracer(model, names, size, size, batch=batch, shadow=_SHADOW, ambient=False)
            for _ in range(self._workers)
        ]
        layout = hand.layout(model)
        self._forearm = (
            jnp.asarray(layout.forearm_position, jnp.float32),
            jnp.asarray(layout.forearm_quaternion, jnp.float32),
        )
        self._half_view = jnp.tan(jnp.radians(jnp.asarray(model.cam_fovy[self._cameras])) / 2)
        self._size = size
        self._batch = batch
        self._draw = [jax.jit(functools.partial(self._batch_of, tracer)) for tracer in tracers]

    def render(self, qpos: np.ndarray, looks: Looks) -> np.ndarray:
        """Pictures of states.

        Args:
            qpos: [n, 31], joint angles and the object's pose in the world.
            looks: [n, ...] of the frames.

        Returns:
            [n, camera, size, size, 3] uint8, cameras in the order of `hand.RIG`.
        """
        count = len(qpos)
        states, rows = np.asarray(qpos, np.float32), jax.device_get(looks)
        starts = range(0, count, self._batch)

        def work(worker: int) -> list[np.ndarray]:
            pictures = []
            for start in starts[worker :: self._workers]:
                chosen = np.minimum(np.arange(start, start + self._batch), count - 1)
                batch = jax.tree.map(lambda x, chosen=chosen: x[chosen], (states, rows))
                pictures.append(np.asarray(self._draw[worker](*batch)))
            return pictures

        with ThreadPoolExecutor(self._workers) as pool:
            shares = list(pool.map(work, range(self._workers)))
        pictures = [shares[i % self._workers][i // self._workers] for i in range(len(starts))]
        return np.concatenate(pictures)[:count]

    def _batch_of(self, tracer: RayTracer, qpos: jax.Array, looks: Looks) -> jax.Array:
        """As `render`, of exactly one batch; to be compiled."""

        def pose(qpos: jax.Array) -> mjx.Data:
            return mjx.kinematics(tracer.model, tracer.data.replace(qpos=qpos))

        data = jax.vmap(pose)(qpos)
        origin, forearm = self._forearm
        position = origin + rotations.rotate(forearm, looks.camera_position)
        turn = rotations.matrix(rotations.multiply(forearm, looks.camera_quaternion))
        # Rays are computed once, for the model's fields of view; wider axes make wider views.
        wider = jnp.tan(jnp.radians(looks.field_of_view) / 2) / self._half_view
        axes = turn.at[..., :2].multiply(wider[..., None, None])
        data = data.tree_replace(
            {
                "cam_xpos": data.cam_xpos.at[:, self._cameras].set(position),
                "cam_xmat": data.cam_xmat.at[:, self._cameras].set(axes),
                "_impl.light_xdir": looks.light_direction,
            }
        )
        pictures, hit = tracer.trace(self._looking(tracer.model, looks), data)
        # Rays would spend half of their time on the table.
        table = jax.vmap(draw_table, (0, 0, 0, None))(looks, position, turn, self._size)
        return jnp.where(hit[..., None], pictures, table)

    def _looking(self, model: mjx.Model, looks: Looks) -> mjx.Model:
        """The model with looks of their own for each frame."""
        shines = jnp.any(looks.light_colour > 0, axis=-1)
        return model.tree_replace(
            {
                "mat_rgba": looks.rgba,
                "mat_specular": looks.specular,
                "mat_shininess": looks.shininess,
                # In place of ambient light, which the ray tracer adds up light by light: a fifth
                # of its time.
                "mat_emission": jnp.tile(looks.light_ambient[:, None], looks.specular.shape[1:]),
                "light_active": shines,
                "light_diffuse": looks.light_colour,
                "light_specular": looks_lib.SPECULAR * looks.light_colour,
                "light_castshadow": looks.light_shadow & shines,
            }
        )
