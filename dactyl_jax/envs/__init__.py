"""The reorientation task over any engine."""

from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax import hand, physics
from dactyl_jax.envs import actions, curriculum
from dactyl_jax.envs.observation import Observation
from dactyl_jax.envs.reorientation import EnvState, Outcome, Reorientation

__all__ = [
    "EnvState",
    "Observation",
    "Outcome",
    "Reorientation",
    "actions",
    "curriculum",
    "make_environment",
]


def make_environment(config: ConfigDict) -> Reorientation:
    """The task on the model, engine and terms that a configuration names.

    Raises:
        ValueError: a field has a value that it may not have, or the device cannot run the engine.
    """
    config_lib.validate(config)
    model = hand.load_model(
        config.env.object, tilt=config.env.tilt, finger_collisions=config.env.finger_collisions
    )
    model.opt.timestep = config.env.sim_dt
    return Reorientation(config, physics.make_engine(config.engine, model))
