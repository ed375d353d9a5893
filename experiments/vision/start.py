"""A new vision run that starts with trained networks."""

import dataclasses

import jax
import jax.numpy as jnp

from dactyl_jax import pretrained
from dactyl_jax.errors import UserError
from dactyl_jax.vision.checkpoints import restore_estimator
from dactyl_jax.vision.trainer import VisionState, VisionTrainer


def load(name: str, trainer: VisionTrainer, state: VisionState) -> tuple[VisionState, str]:
    """Replaces the networks whose designs agree.

    Args:
        name: work directory of a run, or `pretrained`.
        trainer: trainer of the new run.
        state: its initial state.

    Returns:
        The new state, and a line that says what was loaded.

    Raises:
        UserError: the networks cannot be read, or no design agrees.
    """
    theirs = pretrained.load_vision()[1] if name == "pretrained" else restore_estimator(name)
    agree = {
        field.name: jax.device_put(theirs.parameters[field.name], jax.devices()[0])
        for field in dataclasses.fields(trainer.eyes)
        if getattr(trainer.eyes, field.name) == getattr(theirs.eyes, field.name)
    }
    if not agree:
        raise UserError(f"--config.init_from: no network of {name!r} has this run's design")
    new = sorted(set(state.parameters) - set(agree))
    state = dataclasses.replace(
        state,
        parameters=state.parameters | agree,
        averaged=state.averaged | jax.tree.map(jnp.copy, agree),
    )
    line = f"Loaded from {name}: networks {', '.join(sorted(agree))}."
    return state, line + (f" Initialised: {', '.join(new)}." if new else "")
