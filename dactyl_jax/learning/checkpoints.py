"""Checkpoints of a run: its full state to continue bit for bit, and its policy alone to use.

Orbax writes a checkpoint beside its final name and renames it when it is complete, so that a
process killed at any moment leaves the checkpoints before it as they were. Arrays are stored by
their path in the tree, on the host's side: what was trained on one device can be used on another.
"""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils

from dactyl_jax import devices
from dactyl_jax.learning import normalization
from dactyl_jax.learning.agent import PolicyAgent
from dactyl_jax.learning.networks import ActorCritic, Network
from dactyl_jax.learning.trainer import TrainState

FOLDER = "checkpoints"
KEEP = 3

Tree = TypeVar("Tree")


@dataclasses.dataclass(frozen=True)
class PolicyCheckpoint:
    """A trained policy.

    Attributes:
        agent: the policy.
        iteration: iterations it was trained for.
        steps: control steps it was trained for, over all environments.
        goal_distance: last stage of its curriculum, in rad.
    """

    agent: PolicyAgent
    iteration: int
    steps: int
    goal_distance: float


class Checkpoints:
    """The checkpoints of a run that is training; the last `KEEP` stay."""

    def __init__(self, workdir: str | os.PathLike):
        """Opens or makes `workdir/checkpoints`; removes what a killed process left unfinished."""
        self._folder = _folder(workdir)
        options = ocp.CheckpointManagerOptions(
            max_to_keep=KEEP, cleanup_tmp_directories=True, enable_async_checkpointing=False
        )
        try:
            self._manager = ocp.CheckpointManager(self._folder, options=options)
        except (OSError, ValueError) as error:
            raise ValueError(f"{self._folder} cannot hold checkpoints: {_line(error)}") from error

    def latest_iteration(self) -> int | None:
        """The iteration of the last complete checkpoint; None before the first."""
        return self._manager.latest_step()

    def save(self, state: TrainState, networks: ActorCritic, steps: int) -> None:
        """Stores a state; returns when it is complete on disk. Does nothing for one stored already.

        Args:
            state: the state.
            networks: the designs of its networks.
            steps: control steps so far, for those who use the policy.
        """
        iteration = int(state.iteration)
        if iteration == self._manager.latest_step():
            return
        description = {
            "network": dataclasses.asdict(networks.policy),
            "num_actuators": networks.num_actuators,
            "num_bins": networks.num_bins,
            "steps": steps,
            "goal_distance": float(state.curriculum.goal_distance),
        }
        policy = _policy(
            state.learner.parameters["policy"], state.learner.normalizers.policy_observation
        )
        self._manager.save(
            iteration,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(_to_arrays(state)),
                policy=ocp.args.StandardSave(_to_arrays(policy)),
                description=ocp.args.JsonSave(description),
            ),
        )

    def restore(self, template: TrainState) -> TrainState:
        """The state of the last checkpoint.

        Args:
            template: a state of the same run's shape, such as `Trainer.initial_state` gives.

        Raises:
            ValueError: there is no checkpoint, it cannot be read, or it is of another shape.
        """
        arrays = _read(self._manager, self._folder, state=ocp.args.StandardRestore())["state"]
        return _from_arrays(template, arrays, self._folder)

    def close(self) -> None:
        """Gives Orbax's resources back."""
        self._manager.close()


def restore_policy(workdir: str | os.PathLike) -> PolicyCheckpoint:
    """The policy of the last checkpoint of a run, without environment, optimiser or configuration.

    Raises:
        ValueError: there is no checkpoint, or it cannot be read.
    """
    folder = _folder(workdir)
    if not os.path.isdir(folder):
        raise ValueError(f"{workdir} holds no checkpoint; give the work directory of a run.")
    manager = ocp.CheckpointManager(folder, options=ocp.CheckpointManagerOptions(create=False))
    try:
        items = _read(
            manager,
            folder,
            policy=ocp.args.StandardRestore(),
            description=ocp.args.JsonRestore(),
        )
        iteration = manager.latest_step()
    finally:
        manager.close()
    description = items["description"]
    try:
        design = description["network"] | {"dense": tuple(description["network"]["dense"])}
        network = Network(**design)
        template = _policy(
            jax.eval_shape(network.initial_parameters, jax.random.key(0)),
            normalization.initial((network.inputs,)),
        )
        policy = _from_arrays(template, items["policy"], folder)
        agent = PolicyAgent(
            parameters=policy["parameters"],
            statistics=policy["statistics"],
            network=network,
            num_actuators=description["num_actuators"],
            num_bins=description["num_bins"],
        )
        return PolicyCheckpoint(
            agent, iteration, description["steps"], description["goal_distance"]
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"{folder} does not describe its policy: {_line(error)}") from error


def _folder(workdir: str | os.PathLike) -> str:
    return os.path.join(os.path.abspath(workdir), FOLDER)


def _policy(parameters: Any, statistics: normalization.Statistics) -> dict[str, Any]:
    return {"parameters": parameters, "statistics": statistics}


def _read(manager: ocp.CheckpointManager, folder: str, **items: Any) -> Mapping[str, Any]:
    iteration = manager.latest_step()
    if iteration is None:
        raise ValueError(f"{folder} holds no complete checkpoint.")
    try:
        return manager.restore(iteration, args=ocp.args.Composite(**items))
    # Orbax and what it stands on raise many kinds of error for a damaged file.
    except Exception as error:
        raise ValueError(
            f"The checkpoint {os.path.join(folder, str(iteration))} cannot be read: {_line(error)} "
            "Remove that folder to go back to the one before it."
        ) from error


def _line(error: Exception) -> str:
    """The first line of an error's message, not too long."""
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0][:200].rstrip(".") + "."


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _to_arrays(tree: Any) -> dict[str, np.ndarray]:
    """All leaves that hold anything, by path, on the host; keys as their numbers."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    data = {
        jax.tree_util.keystr(path): jax.random.key_data(leaf) if _is_key(leaf) else leaf
        for path, leaf in leaves
        if leaf.size
    }
    if jax.process_count() > 1:
        data = multihost_utils.process_allgather(data, tiled=True)
    return {path: np.asarray(leaf) for path, leaf in jax.device_get(data).items()}


def _from_arrays(template: Tree, arrays: Mapping[str, Any], folder: str) -> Tree:
    """The inverse of `_to_arrays` for a tree of the template's shape, on the template's devices."""

    def leaf(path, like):
        name = jax.tree_util.keystr(path)
        expected = jax.eval_shape(jax.random.key_data, like) if _is_key(like) else like
        stored = arrays.get(name) if like.size else np.zeros(expected.shape, expected.dtype)
        if stored is None or stored.shape != expected.shape or stored.dtype != expected.dtype:
            found = "nothing" if stored is None else f"{stored.dtype}{list(stored.shape)}"
            raise ValueError(
                f"{folder} holds {found} for {name.lstrip('.')} instead of "
                f"{expected.dtype}{list(expected.shape)}; it is of another configuration."
            )
        if _is_key(like):
            stored = jax.random.wrap_key_data(jnp.array(stored), impl=jax.random.key_impl(like))
        return devices.place(stored, like.sharding)

    return jax.tree_util.tree_map_with_path(leaf, template)
