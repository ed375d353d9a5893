"""The sensors: what the motion trackers and cameras report, with the errors of the terms."""

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
    """The sensors of a configuration, for a hand's `model`; pure functions."""

    def __init__(self, config: ConfigDict, model: mujoco.MjModel):
        self._terms = randomization.Pipeline(sensing.TERMS, config)
        self._surface = surface.surface(model)
        self._control_dt = config.env.control_dt
        first = int(np.flatnonzero(model.geom_bodyid == model.body("object").id)[0])
        self._first = first  # geom of the object, by which its drawn size is told
        self._sizes = jnp.asarray(model.geom_size, jnp.float32)

    def begin(self, keys: jax.Array, draw: Draw, true: Readings) -> randomization.Memory:
        """The terms' memory at an episode's start; arguments as for `read`."""
        return self._terms.begin(keys, draw.by_term(), *self.faultless(draw, true))

    def read(
        self, keys: jax.Array, draw: Draw, memory: randomization.Memory, true: Readings
    ) -> tuple[randomization.Memory, sensing.Sensed]:
        """What the sensors report in a control step, and the terms' next memory.

        Args:
            keys: `[E]`, of the terms' draws.
            draw: of the episode.
            memory: of the terms.
            true: readings.
        """
        return self._terms.apply(keys, draw.by_term(), memory, *self.faultless(draw, true))

    def faultless(self, draw: Draw, true: Readings) -> tuple[sensing.Sensed, sensing.SensingScene]:
        """What faultless sensors would report, and the scene that their faults depend on."""
        truth = sensing.Sensed(true.fingertips, true.position, true.orientation)
        sizes = draw.parameters.get("geom_size", self._sizes[None])
        scale = sizes[:, self._first, 0] / self._sizes[self._first, 0]
        scale = jnp.broadcast_to(scale, truth.position.shape[0])
        scene = sensing.make_scene(self._surface, truth, true.links, scale, self._control_dt)
        return truth, scene
