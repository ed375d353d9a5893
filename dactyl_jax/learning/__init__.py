"""Recurrent proximal policy optimisation, from networks to checkpoints and agents."""

from dactyl_jax.learning.agent import Agent, PolicyAgent, RandomAgent, ZeroAgent
from dactyl_jax.learning.checkpoints import (
    Checkpoints,
    Continuation,
    PolicyCheckpoint,
    copy_policy,
    restore_continuation,
    restore_policy,
    restore_steps_before,
)
from dactyl_jax.learning.rollout import Events
from dactyl_jax.learning.trainer import Trainer, TrainState

__all__ = [
    "Agent",
    "Checkpoints",
    "Continuation",
    "Events",
    "PolicyAgent",
    "PolicyCheckpoint",
    "RandomAgent",
    "TrainState",
    "Trainer",
    "ZeroAgent",
    "copy_policy",
    "restore_continuation",
    "restore_policy",
    "restore_steps_before",
]
