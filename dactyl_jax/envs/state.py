"""The task's state between control steps, and the outcome of a step."""

import dataclasses
from typing import Any

import jax

from dactyl_jax import physics, randomization
from dactyl_jax.envs.actions import Average
from dactyl_jax.envs.bank import Bank, Draw
from dactyl_jax.envs.observation import Observation
from dactyl_jax.randomization.actuation import Command


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Episode:
    """The current episode of each environment, `[E, ...]`; a reset replaces all of it.

    Attributes:
        draw: what was drawn for the episode; it outlives a new bank.
        physics: the engine's state; its `ctrl` holds the controller's targets, which may differ
            from what the motors received.
        goal_key: key from which the episode's goals are drawn, whatever happens between them.
        goal: target orientation in the `rh_forearm` frame, `[E, 4]`.
        goals: goals reached, int32.
        goal_steps: control steps spent on the current goal, int32.
        last_action: unit actions of the last control step, `[E, 20]`; 0 at the start.
        average: the controller's average of its actions.
        noisy_average: average of the actions with the terms' errors; it drives the motors.
        command: what the motors received in the last control step; at the start, a command that
            holds the hand still.
        actuation: memory of the actuation terms.
        sensing: memory of the sensing terms.
        observation: observation of this state, for the next action.
    """

    draw: Draw
    physics: physics.State
    goal_key: jax.Array
    goal: jax.Array
    goals: jax.Array
    goal_steps: jax.Array
    last_action: jax.Array
    average: Average
    noisy_average: Average
    command: Command
    actuation: randomization.Memory
    sensing: randomization.Memory
    observation: Observation


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class EnvState:
    """State of all environments.

    Attributes:
        bank: the pairs from which resets start, shared by all environments.
        goal_distance: largest angle of a new goal, `[]` rad, also shared; for values from pi up,
            see `goals.draw`.
        key: random key of each environment, `[E]`.
        episode: current episode of each environment, `[E, ...]`.
    """

    bank: Bank
    goal_distance: jax.Array
    key: jax.Array
    episode: Episode

    @property
    def observation(self) -> Observation:
        """The observation for the next action."""
        return self.episode.observation

    def with_episode(self, **fields: Any) -> "EnvState":
        """The state with some fields of its episodes replaced, `[E, ...]` each."""
        return dataclasses.replace(self, episode=dataclasses.replace(self.episode, **fields))


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Outcome:
    """Outcome of one control step, `[E]` each.

    Attributes:
        reward: float32.
        rewards: weighted reward terms by name; they sum to `reward`.
        done: the episode ended; the state already belongs to the next one.
        truncated: it ended without failure (goal time-out, goal cap): bootstrap its value.
        terminal_observation: of the state before any reset, of policy and value function.
        goal_reached, dropped, timed_out, diverged, overflow: what happened.
        goals: consecutive goals of the episode, including this step's, before any reset; int32.
        distance: angle to the goal for which the step was rewarded, rad.
        contact_force: net force of all contacts on the object at the end of the step, `[E, 3]` N.
        counters: counts at full strength (`adr.at_full_strength`) and for automatic domain
            randomisation (`adr.count`); empty without randomisation.
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
    distance: jax.Array
    contact_force: jax.Array
    counters: dict[str, jax.Array]
