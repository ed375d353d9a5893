"""The sensors: what motion tracking and cameras report, with the sensing terms' errors."""

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import randomization
from dactyl_jax.envs.bank import Draw
from dactyl_jax.envs.readings import Readings
from dactyl_jax.hand import surface
from dactyl_jax.randomization import sensing


class Sensors:
    """The sensors that a configuration describes, for the hand in `model`; pure functions."""

    def __init__(self, config: ConfigDict, model: mujoco.MjModel):
        self._terms = randomization.Pipeline(sensing.TERMS, config)
        self._surface = surface.surface(model)
        self._control_dt = config.env.control_dt
        first = int(np.flatnonzero(model.geom_bodyid == model.body("object").id)[0])
        self._first = first  # a geom of the object, from which its drawn size is computed
        self._sizes = jnp.asarray(model.geom_size, jnp.float32)

    def begin(self, keys: jax.Array, draw: Draw, true: Readings) -> randomization.Memory:
        """Memory of the terms at an episode's start; arguments as for `read`."""
        return self._terms.begin(keys, draw.by_term(), *self.faultless(draw, true))

    def read(
        self, keys: jax.Array, draw: Draw, memory: randomization.Memory, true: Readings
    ) -> tuple[randomization.Memory, sensing.Sensed]:
        """Sensor readings of one control step, and the terms' next memory.

        Args:
            keys: keys of the terms' draws, `[E]`.
            draw: draw of the episode.
            memory: memory of the terms.
            true: true readings.
        """
        return self._terms.apply(keys, draw.by_term(), memory, *self.faultless(draw, true))

    def faultless(self, draw: Draw, true: Readings) -> tuple[sensing.Sensed, sensing.SensingScene]:
        """Readings of ideal sensors, and the scene on which sensor errors depend."""
        truth = sensing.Sensed(true.fingertips, true.position, true.orientation)
        sizes = draw.parameters.get("geom_size", self._sizes[None])
        scale = sizes[:, self._first, 0] / self._sizes[self._first, 0]
        scale = jnp.broadcast_to(scale, truth.position.shape[0])
        scene = sensing.make_scene(self._surface, truth, true.links, scale, self._control_dt)
        return truth, scene
