"""The reorientation task, on any physics engine."""

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
    """Builds the task with the world, engine and randomisation terms that a configuration names.

    Args:
        config: a complete configuration, checked by `config.validate`.
        limits: limits of automatic domain randomisation for the first bank, see `bank.build`.
        dump_nan: directory that receives the inputs of a physics step that diverges, see
            `physics.WatchedEngine`.

    Raises:
        ValueError: the control step is no multiple of the surrogate's physics step, or the device
            cannot run the engine.
    """
    task, model = worlds.build(config)
    engine = physics.make_engine(task.engine, model)
    if dump_nan is not None:
        engine = physics.WatchedEngine(engine, Path(dump_nan), config.to_dict())
    return Reorientation(task, engine, limits)
