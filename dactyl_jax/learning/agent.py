"""Agents, which choose the actions of many environments: the policy and two baselines."""

import dataclasses
from typing import Protocol

import jax
import jax.numpy as jnp

from dactyl_jax.learning import categorical, normalization
from dactyl_jax.learning.networks import Carry, Network, Parameters


class Agent(Protocol):
    """Pure functions and a pytree: an agent can be passed through `jax.jit`."""

    def initial_carry(self, num_envs: int) -> Carry:
        """Memory before the first step."""

    def act(
        self, observation: jax.Array, carry: Carry, first: jax.Array, key: jax.Array | None
    ) -> tuple[jax.Array, Carry]:
        """Chooses actions.

        Args:
            observation: raw policy observation, `[env, policy_size]`.
            carry: memory before the step.
            first: bool `[env]`; the observation is the first of an episode.
            key: one key per environment, `[env]`; None takes the most probable action.

        Returns:
            Bin numbers, int32 `[env, actuator]`, and the new memory.
        """


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class PolicyAgent:
    """A learned policy.

    Attributes:
        parameters: parameters of the policy network.
        statistics: statistics of its observations.
        network: design of the policy network.
        num_actuators: number of actuators.
        num_bins: bins per actuator.
    """

    parameters: Parameters
    statistics: normalization.Statistics
    network: Network = dataclasses.field(metadata={"static": True})
    num_actuators: int = dataclasses.field(metadata={"static": True})
    num_bins: int = dataclasses.field(metadata={"static": True})

    def initial_carry(self, num_envs: int) -> Carry:
        """Zeros, see `Agent`."""
        return self.network.initial_carry(num_envs)

    def logits(
        self, observation: jax.Array, carry: Carry, first: jax.Array
    ) -> tuple[jax.Array, Carry]:
        """Logits `[env, bin, actuator]` and the new memory; arguments as for `act`."""
        output, carry = self.network.apply(
            self.parameters, self.statistics, observation[None], first[None], carry
        )
        return categorical.split(output[0], self.num_bins), carry

    def act(
        self, observation: jax.Array, carry: Carry, first: jax.Array, key: jax.Array | None
    ) -> tuple[jax.Array, Carry]:
        """See `Agent`."""
        logits, carry = self.logits(observation, carry, first)
        action = categorical.mode(logits) if key is None else categorical.sample(key, logits)
        return action, carry


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class ZeroAgent:
    """Always chooses the middle bin of every actuator."""

    num_actuators: int
    num_bins: int

    def initial_carry(self, num_envs: int) -> Carry:
        """Empty, see `Agent`."""
        return ()

    def act(
        self, observation: jax.Array, carry: Carry, first: jax.Array, key: jax.Array | None
    ) -> tuple[jax.Array, Carry]:
        """See `Agent`."""
        shape = (observation.shape[0], self.num_actuators)
        return jnp.full(shape, self.num_bins // 2, jnp.int32), carry


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class RandomAgent:
    """Draws every bin with equal probability."""

    num_actuators: int
    num_bins: int

    def initial_carry(self, num_envs: int) -> Carry:
        """Empty, see `Agent`."""
        return ()

    def act(
        self, observation: jax.Array, carry: Carry, first: jax.Array, key: jax.Array | None
    ) -> tuple[jax.Array, Carry]:
        """See `Agent`; raises a ValueError without keys, because no bin is the most probable."""
        if key is None:
            raise ValueError("A random agent has no greedy action; give it a key per environment.")
        logits = jnp.zeros((observation.shape[0], self.num_bins, self.num_actuators))
        return categorical.sample(key, logits), carry
