"""Checkpoints of a run: its full state to continue bit for bit, and its policy alone to use."""

import dataclasses
import os
from typing import Any

import jax

from dactyl_jax.learning import normalization
from dactyl_jax.learning.agent import PolicyAgent
from dactyl_jax.learning.networks import ActorCritic, Network
from dactyl_jax.learning.store import Store, one_line
from dactyl_jax.learning.trainer import TrainState


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
    """The checkpoints of a run that is training; the last few stay."""

    def __init__(self, workdir: str | os.PathLike):
        """Opens or makes `workdir/checkpoints`; removes what a killed process left unfinished."""
        self._store = Store(workdir)

    def latest_iteration(self) -> int | None:
        """The iteration of the last complete checkpoint; None before the first."""
        return self._store.latest_iteration()

    def save(self, state: TrainState, networks: ActorCritic, steps: int) -> None:
        """Stores a state; returns when it is complete on disk. Does nothing for one stored already.

        Args:
            state: the state.
            networks: the designs of its networks.
            steps: control steps so far, for those who use the policy.
        """
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
        self._store.save(int(state.iteration), description, state=state, policy=policy)

    def restore(self, template: TrainState) -> TrainState:
        """The state of the last checkpoint.

        Args:
            template: a state of the same run's shape, such as `Trainer.initial_state` gives.

        Raises:
            ValueError: there is no checkpoint, it cannot be read, or it is of another shape.
        """
        return self._store.restore("state", template)

    def close(self) -> None:
        """Gives the store's resources back."""
        self._store.close()


def restore_policy(workdir: str | os.PathLike) -> PolicyCheckpoint:
    """The policy of the last checkpoint of a run, without environment, optimiser or configuration.

    Raises:
        ValueError: there is no checkpoint, or it cannot be read.
    """
    store = Store(workdir, create=False)
    try:
        description = store.describe()
        design = description["network"] | {"dense": tuple(description["network"]["dense"])}
        network = Network(**design)
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
        )
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"{store.folder} does not describe its policy: {one_line(error)}"
        ) from error
    finally:
        store.close()


def _policy(parameters: Any, statistics: normalization.Statistics) -> dict[str, Any]:
    return {"parameters": parameters, "statistics": statistics}
