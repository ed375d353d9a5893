"""Pictures of the hand by MJX's Warp ray tracer, in batches, on a CPU or a GPU, without OpenGL."""

import copy

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from mujoco import mjx

from dactyl_jax.hand.objects import VISUAL_GROUP

BACKGROUND = (0.60, 0.61, 0.60, 1.0)


class Renderer:
    """Renders states of a model with a goal (`hand.load_model(..., goal=True)`).

    Args:
        model: the model; its body `goal` shows the goal orientation.
        width, height: of the pictures, in pixels.
        camera: name of one of the model's cameras.
        batch: states rendered in one call of the ray tracer; any number can be asked for.
        samples: rays per pixel and axis; 2 smooths edges at 4 times the cost.

    Raises:
        ValueError: the model has no goal or no such camera, or a size is not positive.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        width: int = 640,
        height: int = 480,
        camera: str = "front",
        *,
        batch: int = 8,
        samples: int = 1,
    ) -> None:
        if model.nmocap != 1:
            raise ValueError("model: it shows no goal; load it with goal=True")
        cameras = [model.camera(i).name for i in range(model.ncam)]
        if camera not in cameras:
            raise ValueError(f"camera: {camera!r} is unknown; it may be {', '.join(cameras)}")
        for name, size in (("width", width), ("height", height), ("batch", batch)):
            if size < 1:
                raise ValueError(f"{name}: {size} is too small; it may be 1 or more")
        self._batch = batch
        # Warp knows no automatic reset, hence no way to disable it. Contacts need no room here.
        model = copy.copy(model)
        model.opt.disableflags &= ~int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)
        self._model = mjx.put_model(model, impl="warp")
        data = mujoco.MjData(model)
        mujoco.mj_kinematics(model, data)
        mujoco.mj_camlight(model, data)  # cameras and lights are fixed to the world
        self._data = mjx.put_data(model, data, impl="warp", naconmax=1, njmax=1)
        self._context = mjx.create_render_context(
            model,
            nworld=batch,
            cam_res=(width, height),
            cam_active=[camera],
            render_rgb=True,
            render_depth=False,
            enabled_geom_groups=[VISUAL_GROUP],
            use_shadows=True,
            shadow_light_fraction=0.45,
            samples_per_pixel=samples,
            background_color=BACKGROUND,
        )
        self._draw = jax.jit(self._draw_batch)

    def render(self, qpos: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Pictures of states.

        Args:
            qpos: [n, 31], joint angles and the object's pose.
            goal: [n, 4], goal orientations, unit quaternions.

        Returns:
            [n, height, width, 3] uint8.
        """
        count = len(qpos)
        padding = -count % self._batch
        qpos = np.pad(np.asarray(qpos, np.float32), ((0, padding), (0, 0)), mode="edge")
        goal = np.pad(np.asarray(goal, np.float32), ((0, padding), (0, 0)), mode="edge")
        batches = [
            np.asarray(self._draw(qpos[i : i + self._batch], goal[i : i + self._batch]))
            for i in range(0, count, self._batch)
        ]
        return np.concatenate(batches)[:count]

    def _draw_batch(self, qpos: jax.Array, goal: jax.Array) -> jax.Array:
        def pose(qpos: jax.Array, goal: jax.Array) -> mjx.Data:
            data = self._data.replace(qpos=qpos, mocap_quat=goal[None])
            return mjx.kinematics(self._model, data)

        context = self._context.pytree()
        data = mjx.refit_bvh(self._model, jax.vmap(pose)(qpos, goal), context)
        packed, _, _ = mjx.render(self._model, data, context)
        return jnp.round(255 * mjx.get_rgb(context, 0, packed)).astype(jnp.uint8)
