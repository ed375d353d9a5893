"""The reorientation task over any engine."""

import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax import physics
from dactyl_jax.envs import actions, adr, curriculum, worlds
from dactyl_jax.envs.observation import Observation
from dactyl_jax.envs.reorientation import EnvState, Outcome, Reorientation

__all__ = [
    "EnvState",
    "Observation",
    "Outcome",
    "Reorientation",
    "actions",
    "adr",
    "curriculum",
    "make_environment",
]


def make_environment(config: ConfigDict, limits: np.ndarray | None = None) -> Reorientation:
    """The task in the world, on the engine and with the terms that a configuration names.

    Args:
        config: a whole configuration.
        limits: of automatic domain randomisation, for the first bank, see `bank.build`.

    Raises:
        ValueError: a field has a value that it may not have, or the device cannot run the engine.
    """
    config_lib.validate(config)
    config, model = worlds.build(config)
    return Reorientation(config, physics.make_engine(config.engine, model), limits)
