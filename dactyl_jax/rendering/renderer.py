"""Images of the hand with the goal beside it, for videos."""

import jax
import mujoco
import numpy as np
from mujoco import mjx

from dactyl_jax.rendering.raytracer import RayTracer, unpack


class Renderer:
    """Renders states of a model with a goal (`hand.load_model(..., goal=True)`).

    Args:
        model: the model; its body `goal` shows the goal orientation.
        width, height: size of the images, pixels.
        camera: name of one of the model's cameras.
        batch: states rendered in one call of the ray tracer; `render` takes any number.
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
            raise ValueError("model: it has no goal body; load it with goal=True")
        self._tracer = RayTracer(model, [camera], width, height, batch=batch, samples=samples)
        self._batch = batch
        self._draw = jax.jit(self._draw_batch)

    def render(self, qpos: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Renders images of states.

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
        tracer = self._tracer

        def pose(qpos: jax.Array, goal: jax.Array) -> mjx.Data:
            data = tracer.data.replace(qpos=qpos, mocap_quat=goal[None])
            return mjx.kinematics(tracer.model, data)

        return unpack(tracer.trace(tracer.model, jax.vmap(pose)(qpos, goal))[:, 0])
