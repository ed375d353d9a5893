"""Who acts in a trial: a policy, nobody, or chance.

The two that learn nothing show what a number of goals is worth.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Agent:
    """Parameters and the two pure functions that use them.

    Attributes:
        parameters: any pytree.
        initial_carry: from the number of environments, what `act` remembers at the start, `[E, ...]`.
        act: from (parameters, carry, observation `[E, policy_size]`, first `[E]` bool, key `[]`), the
            bins `[E, 20]` int32 and the next carry. `first` marks the first step of an episode.
    """

    parameters: Any
    initial_carry: Callable[[int], Any] = dataclasses.field(metadata={"static": True})
    act: Callable[..., tuple[jax.Array, Any]] = dataclasses.field(metadata={"static": True})


def zero_agent(num_actuators: int, num_bins: int) -> Agent:
    """Holds the middle bin of every actuator."""

    def act(parameters, carry, observation, first, key):
        del parameters, first, key
        shape = (observation.shape[0], num_actuators)
        return jnp.full(shape, num_bins // 2, jnp.int32), carry

    return Agent((), _no_carry, act)


def random_agent(num_actuators: int, num_bins: int) -> Agent:
    """Draws every bin uniformly at every control step."""

    def act(parameters, carry, observation, first, key):
        del parameters, first
        shape = (observation.shape[0], num_actuators)
        return jax.random.randint(key, shape, 0, num_bins, jnp.int32), carry

    return Agent((), _no_carry, act)


def _no_carry(num_envs: int) -> tuple[()]:
    del num_envs
    return ()
