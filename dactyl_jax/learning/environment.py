"""What learning asks of an environment; anything of this shape can be learned on."""

from typing import Any, Protocol

import jax


class Observation(Protocol):
    """Raw observations: `policy` `[env, policy_size]` and `value` `[env, value_size]`, float32."""

    policy: jax.Array
    value: jax.Array


class EnvState(Protocol):
    """A frozen pytree; `observation` is of the state that the next action is for."""

    @property
    def observation(self) -> Observation: ...


class Outcome(Protocol):
    """What one control step brought, `[env]` each.

    `done`: the episode ended and the state is that of the next one already; `truncated`: it was
    cut, not lost (time-out, goal cap). `terminal_observation` (policy, value) is of the
    state before any reset. `goals` counts those in a row, this step included, before any reset.
    `rewards` are the terms of `reward` by name; each is a metric. `counters` `[env, ...]` are what
    the curriculum wants summed over the roll-out, int32; those of them that are `[env]` are
    metrics, too.
    """

    reward: jax.Array
    rewards: dict[str, jax.Array]
    done: jax.Array
    truncated: jax.Array
    terminal_observation: Observation
    goal_reached: jax.Array
    dropped: jax.Array
    timed_out: jax.Array
    diverged: jax.Array
    overflow: jax.Array
    goals: jax.Array
    counters: dict[str, jax.Array]


class Environment(Protocol):
    """A batch of environments as pure functions of their state; `control_dt` in s."""

    num_actuators: int
    num_bins: int
    policy_size: int
    value_size: int
    control_dt: float

    def reset(self, key: jax.Array, num_envs: int, goal_distance: jax.Array) -> Any:
        """The first state of `num_envs` environments; goals up to `goal_distance` rad away."""

    def with_goal_distance(self, state: Any, goal_distance: jax.Array) -> Any:
        """The state with goals, from the next one on, up to `goal_distance` rad away."""

    def partition(self, each: Any, shared: Any) -> Any:
        """What a mesh of devices divides: a prefix of the state's tree.

        `each` stands for what every environment has of its own, batch-first, `shared` for the rest.
        """

    def step(self, state: Any, action: jax.Array) -> tuple[Any, Any]:
        """One control step; bin numbers int32 `[env, actuator]` to next EnvState and Outcome."""
