"""The interface that learning requires of an environment."""

from typing import Any, Protocol

import jax


class Observation(Protocol):
    """Raw observations: `policy` `[env, policy_size]` and `value` `[env, value_size]`, float32."""

    policy: jax.Array
    value: jax.Array


class EnvState(Protocol):
    """A frozen pytree; `observation` is the observation for the next action."""

    @property
    def observation(self) -> Observation: ...


class Outcome(Protocol):
    """Outcome of one control step, `[env]` each.

    `done`: the episode ended and the state already belongs to the next one. `truncated`: it ended
    without failure (time-out, goal cap). `terminal_observation` (policy, value) is the
    observation before any reset. `goals` counts consecutive goals, including this step,
    before any reset. `rewards` are the terms of `reward` by name; each is a metric. `counters`
    `[env, ...]`, int32, are summed over the roll-out for the curriculum; those of shape `[env]` are
    also metrics.
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
        """Initial state of `num_envs` environments; goals up to `goal_distance` rad away."""

    def with_goal_distance(self, state: Any, goal_distance: jax.Array) -> Any:
        """The state with goals up to `goal_distance` rad away, from the next goal on."""

    def partition(self, each: Any, shared: Any) -> Any:
        """How a mesh of devices divides the state: a prefix of its tree.

        `each` stands for what every environment has separately, batch-first; `shared` for the rest.
        """

    def step(self, state: Any, action: jax.Array) -> tuple[Any, Any]:
        """One control step: bin numbers int32 `[env, actuator]` to next EnvState and Outcome."""
