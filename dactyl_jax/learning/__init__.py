"""Recurrent proximal policy optimisation, from networks to checkpoints and agents."""

from dactyl_jax.learning.agent import Agent, PolicyAgent, RandomAgent, ZeroAgent
from dactyl_jax.learning.checkpoints import Checkpoints, PolicyCheckpoint, restore_policy
from dactyl_jax.learning.rollout import Events
from dactyl_jax.learning.trainer import Trainer, TrainState

__all__ = [
    "Agent",
    "Checkpoints",
    "Events",
    "PolicyAgent",
    "PolicyCheckpoint",
    "RandomAgent",
    "TrainState",
    "Trainer",
    "ZeroAgent",
    "restore_policy",
]
