"""The task's state between two control steps, and what a step brings."""

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
    """The episode that each environment plays; a reset replaces all of it, `[E, ...]` each.

    Attributes:
        draw: what was drawn for the episode; it stays when the bank is drawn again.
        physics: the engine's state row; its `ctrl` holds the controller's targets, which may
            differ from what the motors received.
        goal_key: from which the episode's goals follow, whatever happens between them.
        goal: target orientation in the `rh_forearm` frame, `[E, 4]`.
        goals: goals reached, int32.
        goal_steps: control steps spent on the goal, int32.
        last_action: unit actions of the last control step, `[E, 20]`; 0 at the start.
        average: the controller's average of its actions.
        noisy_average: the same of the actions with the errors of the terms, which is what
            reaches the motors.
        command: that reached the motors in the last control step; at the start, one that holds
            the hand as it is.
        actuation: memory of the actuation terms.
        sensing: memory of the sensing terms.
        observation: of this state, for the next action.
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
        bank: the pairs that resets take, shared by all environments.
        goal_distance: largest angle of a new goal, `[]` rad, shared as well; from pi on see
            `goals.draw`.
        key: each environment's own stream of random numbers, `[E]`.
        episode: that each environment plays, `[E, ...]`.
    """

    bank: Bank
    goal_distance: jax.Array
    key: jax.Array
    episode: Episode

    @property
    def observation(self) -> Observation:
        """What the next action is for."""
        return self.episode.observation

    def with_episode(self, **fields: Any) -> "EnvState":
        """The state with some fields of its episodes replaced, `[E, ...]` each."""
        return dataclasses.replace(self, episode=dataclasses.replace(self.episode, **fields))


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one control step brought, `[E]` each.

    Attributes:
        reward: float32.
        rewards: its terms by name, weighted; they add up to `reward`.
        done: the episode ended, and the state is that of the next one already.
        truncated: it ended without failure (goal time-out, goal cap): bootstrap its value.
        terminal_observation: of the state before any reset, of policy and value function.
        goal_reached, dropped, timed_out, diverged, overflow: what happened.
        goals: consecutive goals of the episode, this step's included, before any reset; int32.
        distance: angle to the goal that the step was rewarded for, rad.
        contact_force: net force of all contacts on the object at the step's end, `[E, 3]` N.
        counters: at full strength, `adr.at_full_strength`, and of automatic domain randomisation,
            `adr.count`; empty without randomisation.
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
