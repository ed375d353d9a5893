"""Checkpoints of a run: its full state to continue bit for bit, its policy alone for use, and what
other runs need besides the policy to continue its training."""

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from dactyl_jax.errors import UserError
from dactyl_jax.learning import normalization
from dactyl_jax.learning.agent import PolicyAgent
from dactyl_jax.learning.networks import ActorCritic, Network, Parameters
from dactyl_jax.learning.store import Store, one_line
from dactyl_jax.learning.trainer import TrainState


@dataclasses.dataclass(frozen=True)
class PolicyCheckpoint:
    """A trained policy.

    Attributes:
        agent: the policy.
        iteration: iterations of training.
        steps: control steps of training, over all environments.
        goal_distance: largest goal angle of the curriculum, rad.
        steps_before: how many of these steps belong to earlier runs that its run continued.
    """

    agent: PolicyAgent
    iteration: int
    steps: int
    goal_distance: float
    steps_before: int = 0


@dataclasses.dataclass(frozen=True)
class Continuation:
    """What a continued training needs besides the policy.

    Attributes:
        parameters: parameters of the value network.
        network: design of the value network.
        observation: statistics of its observations.
        target: statistics of its targets.
        learning_rate: learning rate of the next iteration, `[]`.
        limits: limits of automatic domain randomisation, by term; empty without it.
    """

    parameters: Parameters
    network: Network
    observation: normalization.Statistics
    target: normalization.Statistics
    learning_rate: jax.Array
    limits: Mapping[str, float]


class Checkpoints:
    """Checkpoints of a run in training; keeps the last few."""

    def __init__(self, workdir: str | os.PathLike):
        """Opens or creates `workdir/checkpoints`; removes incomplete files of a killed process."""
        self._store = Store(workdir)

    def latest_iteration(self) -> int | None:
        """Iteration of the last complete checkpoint; None before the first."""
        return self._store.latest_iteration()

    def save(
        self,
        state: TrainState,
        networks: ActorCritic,
        steps: int,
        steps_before: int = 0,
        limits: Mapping[str, float] | None = None,
    ) -> None:
        """Stores a state; returns once it is complete on disk. Skips an iteration already stored.

        Args:
            state: the state.
            networks: designs of its networks.
            steps: control steps so far; metadata for users of the policy.
            steps_before: how many of these steps belong to earlier runs.
            limits: see `Continuation`.
        """
        description = {
            "network": dataclasses.asdict(networks.policy),
            "value_network": dataclasses.asdict(networks.value),
            "num_actuators": networks.num_actuators,
            "num_bins": networks.num_bins,
            "steps": steps,
            "steps_before": steps_before,
            "goal_distance": float(state.curriculum.goal_distance),
            "limits": dict(limits or {}),
        }
        learner = state.learner
        policy = _policy(learner.parameters["policy"], learner.normalizers.policy_observation)
        value = _value(
            learner.parameters["value"],
            learner.normalizers.value_observation,
            learner.normalizers.value_target,
            learner.learning_rate,
        )
        self._store.save(int(state.iteration), description, state=state, policy=policy, value=value)

    def restore(self, template: TrainState) -> TrainState:
        """Restores the state of the last checkpoint.

        Args:
            template: a state with the run's shapes, such as `Trainer.initial_state` returns.

        Raises:
            ValueError: there is no checkpoint, it cannot be read, or its shapes differ.
        """
        return self._store.restore("state", template)

    def close(self) -> None:
        """Releases the store's resources."""
        self._store.close()


def restore_policy(workdir: str | os.PathLike) -> PolicyCheckpoint:
    """Loads the policy of a run's last checkpoint, without environment, optimiser or configuration.

    Raises:
        ValueError: there is no checkpoint, or it cannot be read.
    """
    with _described(workdir, "policy") as (store, description):
        network = Network.from_json(description["network"])
        template = _policy(
            jax.eval_shape(network.initial_parameters, jax.random.key(0)),
            normalization.initial((network.inputs,)),
        )
        policy = store.restore("policy", template)
        agent = PolicyAgent(
            parameters=policy["parameters"],
            statistics=policy["statistics"],
            network=network,
            num_actuators=description["num_actuators"],
            num_bins=description["num_bins"],
        )
        return PolicyCheckpoint(
            agent,
            store.latest_iteration() or 0,
            description["steps"],
            description["goal_distance"],
            description.get("steps_before", 0),
        )


def copy_policy(workdir: str | os.PathLike, target: str | os.PathLike) -> None:
    """Copies the policy of a run's last checkpoint to where `restore_policy` reads it.

    Args:
        workdir: work directory of the run; it has a checkpoint.
        target: work directory of the copy.
    """
    Store.copy_last(workdir, target, "policy")


def restore_continuation(workdir: str | os.PathLike) -> Continuation | None:
    """Loads what continues beside `restore_policy`; None if the run is too old to have stored it.

    Raises:
        ValueError: there is no checkpoint, or it cannot be read.
    """
    with _described(workdir, "value function") as (store, description):
        if "value_network" not in description:
            return None
        network = Network.from_json(description["value_network"])
        template = _value(
            jax.eval_shape(network.initial_parameters, jax.random.key(0)),
            normalization.initial((network.inputs,)),
            normalization.initial(),
            jnp.float32(0.0),
        )
        value = store.restore("value", template)
        return Continuation(network=network, limits=description["limits"], **value)


def restore_steps_before(workdir: str | os.PathLike) -> int | None:
    """Control steps that precede a run, from its last checkpoint; None before the first checkpoint.

    Raises:
        ValueError: the checkpoint cannot be read.
    """
    if not Store.has_any(workdir):
        return None
    with _described(workdir, "steps") as (_, description):
        return description.get("steps_before", 0)


@contextlib.contextmanager
def _described(workdir: str | os.PathLike, what: str) -> Iterator[tuple[Store, dict[str, Any]]]:
    """Opens the checkpoints of a run, with the description of the last one.

    Args:
        workdir: work directory of the run.
        what: what the caller reads from it, for the error message if part of it is missing.
    """
    store = Store(workdir, create=False)
    try:
        yield store, store.describe()
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{store.folder} does not describe its {what}: {one_line(error)}"
        ) from error
    finally:
        store.close()


def _policy(parameters: Any, statistics: normalization.Statistics) -> dict[str, Any]:
    return {"parameters": parameters, "statistics": statistics}


def _value(
    parameters: Any,
    observation: normalization.Statistics,
    target: normalization.Statistics,
    learning_rate: jax.Array,
) -> dict[str, Any]:
    return {
        "parameters": parameters,
        "observation": observation,
        "target": target,
        "learning_rate": learning_rate,
    }
