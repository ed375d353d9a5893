"""Checkpoints of a vision run: its full state to continue, its networks alone for use."""

import dataclasses
import os
from typing import Any

import jax

from dactyl_jax.errors import UserError
from dactyl_jax.learning.store import Store, one_line
from dactyl_jax.vision.estimator import Estimator
from dactyl_jax.vision.eyes import Eyes
from dactyl_jax.vision.layers import Parameters
from dactyl_jax.vision.network import PoseNetwork
from dactyl_jax.vision.places import PlacesNetwork
from dactyl_jax.vision.solve import Rig
from dactyl_jax.vision.trainer import VisionState


class VisionCheckpoints:
    """Checkpoints of a run in training; keeps the last few."""

    def __init__(self, workdir: str | os.PathLike):
        """Opens or creates `workdir/checkpoints`."""
        self._store = Store(workdir)

    def latest_iteration(self) -> int | None:
        """Iteration of the last complete checkpoint; None before the first."""
        return self._store.latest_iteration()

    def save(self, state: VisionState, estimator: Estimator) -> None:
        """Stores a state and its networks; returns once they are complete on disk."""
        self._store.save(
            int(state.iteration), describe(estimator), state=state, network=estimator.parameters
        )

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
    """Loads the networks of a run's last checkpoint.

    Raises:
        ValueError: there is no checkpoint, or it cannot be read.
    """
    store = Store(workdir, create=False)
    try:
        described = store.describe()
        eyes = design(described["network"])
        template = jax.eval_shape(eyes.initial_parameters, jax.random.key(0))
        return assemble(described, store.restore("network", template))
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{store.folder} does not describe its networks: {one_line(error)}"
        ) from error
    finally:
        store.close()


def describe(estimator: Estimator) -> dict[str, Any]:
    """Everything about an estimator but its parameters, as JSON."""
    return {
        "network": dataclasses.asdict(estimator.eyes),
        "rig": estimator.rig._asdict(),
        "iteration": estimator.iteration,
        "frames_learned": estimator.frames,
    }


def assemble(described: dict[str, Any], parameters: dict[str, Parameters]) -> Estimator:
    """Inverse of `describe`; raises a TypeError or KeyError if fields are missing or unknown."""
    return Estimator(
        design(described["network"]),
        Rig(**_plain(described["rig"])),
        parameters,
        described["iteration"],
        described["frames_learned"],
    )


def design(fields: dict[str, Any]) -> Eyes:
    """Designs from their JSON; raises a TypeError or KeyError if fields are missing or unknown."""
    return Eyes(
        PoseNetwork(**_plain(fields["first"])),
        *(PlacesNetwork(**_plain(fields[name])) for name in ("object", "forearm")),
    )


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    """JSON's lists as tuples."""

    def tuples(x: Any) -> Any:
        return tuple(map(tuples, x)) if isinstance(x, list | tuple) else x

    return {name: tuples(x) for name, x in fields.items()}
