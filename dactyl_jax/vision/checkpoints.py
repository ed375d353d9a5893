"""Checkpoints of a vision run: its full state to continue, its network alone for use."""

import dataclasses
import os
from typing import Any

import jax

from dactyl_jax.errors import UserError
from dactyl_jax.learning.store import Store, one_line
from dactyl_jax.vision.estimator import Estimator
from dactyl_jax.vision.network import PoseNetwork
from dactyl_jax.vision.trainer import VisionState


class VisionCheckpoints:
    """Checkpoints of a run in training; keeps the last few."""

    def __init__(self, workdir: str | os.PathLike):
        """Opens or creates `workdir/checkpoints`."""
        self._store = Store(workdir)

    def latest_iteration(self) -> int | None:
        """Iteration of the last complete checkpoint; None before the first."""
        return self._store.latest_iteration()

    def save(self, state: VisionState, network: PoseNetwork, frames: int) -> None:
        """Stores a state; returns once it is complete on disk.

        Args:
            state: the state.
            network: design of the network.
            frames: number of training frames so far.
        """
        description = {"network": dataclasses.asdict(network), "frames": frames}
        self._store.save(int(state.iteration), description, state=state, network=state.averaged)

    def restore(self, template: VisionState) -> VisionState:
        """Restores the state of the last checkpoint.

        Raises:
            ValueError: there is no checkpoint, it cannot be read, or its shapes differ.
        """
        return self._store.restore("state", template)

    def close(self) -> None:
        """Releases the store's resources."""
        self._store.close()


def restore_estimator(workdir: str | os.PathLike) -> Estimator:
    """Loads the network of a run's last checkpoint.

    Raises:
        ValueError: there is no checkpoint, or it cannot be read.
    """
    store = Store(workdir, create=False)
    try:
        description = store.describe()
        network = design(description["network"])
        template = jax.eval_shape(network.initial_parameters, jax.random.key(0))
        return Estimator(
            network,
            store.restore("network", template),
            store.latest_iteration() or 0,
            description["frames"],
        )
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{store.folder} does not describe its network: {one_line(error)}"
        ) from error
    finally:
        store.close()


def design(fields: dict[str, Any]) -> PoseNetwork:
    """A design from its JSON; raises a TypeError if fields are missing or unknown."""
    plain: dict[str, Any] = {
        name: tuple(x) if isinstance(x, list) else x for name, x in fields.items()
    }
    return PoseNetwork(**plain)
