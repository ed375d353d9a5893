"""The reorientation task over any engine."""

from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import physics
from dactyl_jax.envs import actions, adr, curriculum, worlds
from dactyl_jax.envs.observation import Observation
from dactyl_jax.envs.reorientation import Reorientation
from dactyl_jax.envs.state import EnvState, Outcome

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


def make_environment(
    config: ConfigDict, limits: np.ndarray | None = None, *, dump_nan: str | None = None
) -> Reorientation:
    """The task in the world, on the engine and with the terms that a configuration names.

    Args:
        config: a whole configuration, valid by `config.validate`.
        limits: of automatic domain randomisation, for the first bank, see `bank.build`.
        dump_nan: a folder for what physics was given wherever it diverges, see
            `physics.WatchedEngine`.

    Raises:
        ValueError: the surrogate's physics steps do not fit, or the device cannot run the engine.
    """
    task, model = worlds.build(config)
    engine = physics.make_engine(task.engine, model)
    if dump_nan is not None:
        engine = physics.WatchedEngine(engine, Path(dump_nan), config.to_dict())
    return Reorientation(task, engine, limits)
