"""The task: rotate the object in the palm to a requested orientation, over and over."""

import copy
import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import devices, hand, physics, randomization
from dactyl_jax.envs import actions, adr, goals, hidden, observation, readings, reward
from dactyl_jax.envs.bank import Bank, build
from dactyl_jax.envs.batches import nth, split, where
from dactyl_jax.envs.controller import Control, Controller
from dactyl_jax.envs.drop import dropped
from dactyl_jax.envs.sensors import Sensors
from dactyl_jax.envs.state import EnvState, Episode, Outcome
from dactyl_jax.errors import UserError
from dactyl_jax.hand import kinematics, rotations
from dactyl_jax.randomization import sensing

_BLOCKS = 16  # blocks in which environments restart, see `_restart`


class _Keys(NamedTuple):
    """Random keys of one control step, `[E]` each."""

    carry: jax.Array
    actuation: jax.Array
    sensing: jax.Array
    start: jax.Array


class _StartKeys(NamedTuple):
    """Random keys of an episode's start, `[E]` each; `carry` is the environment's key after a
    reset."""

    carry: jax.Array
    pair: jax.Array
    goal: jax.Array
    actuation: jax.Array
    sensing: jax.Array
    first: jax.Array


class Reorientation:
    """In-hand reorientation on any physics engine; `reset` and `step` are pure functions.

    Args:
        config: a complete configuration, see `dactyl_jax.config`.
        engine: the physics of the model of hand and object.
        limits: limits of automatic domain randomisation for the first bank, see `bank.build`.

    Attributes:
        hidden_parts: the hidden state in the value function's observation, after the parts of
            `observation.value_parts`; empty unless `config.env.value_observation` is `privileged`.
    """

    num_actuators = len(hand.ACTUATORS)
    num_bins = actions.NUM_BINS

    def __init__(
        self, config: ConfigDict, engine: physics.Engine, limits: np.ndarray | None = None
    ):
        self.config = config
        self.engine = engine
        self.control_dt = config.env.control_dt
        self.substeps = round(config.env.control_dt / engine.model.opt.timestep)
        self.bank = build(config, engine.model, limits=limits)
        self._policy_parts = observation.policy_parts(config.env)
        self._value_parts = observation.value_parts(config.env)
        self._privileged = config.env.value_observation == "privileged"
        self._policy_sees_state = config.env.policy_observation == "state"
        self._layout = hand.layout(engine.model)
        self._chain = kinematics.chain(engine.model)
        self._controller = Controller(config, engine.model, self.substeps)
        self._sensors = Sensors(config, engine.model)
        self._timeout_steps = round(config.env.goal_timeout_s / config.env.control_dt)
        self.hidden_parts = self._hidden_parts() if self._privileged else ()
        self.value_size = observation.size(self._value_parts)
        self.value_size += sum(part.size for part in self.hidden_parts)
        self.policy_size = (
            self.value_size if self._policy_sees_state else observation.size(self._policy_parts)
        )

    def with_goals(self, distribution: str) -> "Reorientation":
        """The same task and bank with `uniform` or `aligned` goals (`goals.draw`).

        Any other name means near goals and returns the task unchanged.
        """
        if distribution not in goals.DISTRIBUTIONS or distribution == self.config.env.goals:
            return self
        other = copy.copy(self)
        other.config = self.config.copy_and_resolve_references()
        other.config.env.goals = distribution
        return other

    def reset(
        self,
        key: jax.Array,
        num_envs: int | None = None,
        goal_distance: jax.Array | float = np.pi,
        bank: Bank | None = None,
    ) -> EnvState:
        """Starts environments; the draws of environment i depend only on `fold_in(key, i)`.

        Args:
            key: a typed key, `[]`.
            num_envs: number of environments; `config.num_envs` by default.
            goal_distance: largest angle of a new goal, `[]` rad; from pi on see `goals.draw`.
            bank: bank of starts; the environment's bank by default.
        """
        numbers = jnp.arange(self.config.num_envs if num_envs is None else num_envs)
        keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(numbers)
        return self._begin(bank or self.bank, keys, jnp.float32(goal_distance))

    def with_goal_distance(self, state: EnvState, goal_distance: jax.Array) -> EnvState:
        """The state with new goals limited to `goal_distance` `[]` rad, from the next goal on."""
        return dataclasses.replace(state, goal_distance=goal_distance)

    def redraw(
        self, state: EnvState, generation: int, limits: np.ndarray | None = None
    ) -> EnvState:
        """The state with a new bank for the episodes to come; runs on the host.

        Args:
            state: its running episodes keep their draws.
            generation: index of the bank; the first one was 0.
            limits: limits of automatic domain randomisation, see `bank.build`.
        """
        bank = build(self.config, self.engine.model, generation, limits)
        where = jax.tree.map(lambda old: old.sharding, state.bank)
        return dataclasses.replace(state, bank=devices.place(bank, where))

    def step(self, state: EnvState, action: jax.Array) -> tuple[EnvState, Outcome]:
        """Advances every environment by one control step and restarts those whose episode ended.

        Args:
            state: state of all environments.
            action: bins, `[E, 20]` int32 in 0..10.
        """
        config, episode = self.config.env, state.episode
        keys = _Keys(*split(state.key, len(_Keys._fields)))
        before = self._read(episode.physics, episode.average)
        control = self._controller.control(keys.actuation, episode, action, before)
        moved, info = self._simulate(episode, control)
        diverged = info.diverged | ~physics.sound(moved)
        # Keep the last finite state; the episode ends below.
        moved = where(diverged, episode.physics, moved)
        after = self._read(moved, control.average)

        distance = goals.distance(episode.goal, after.orientation)
        reached = ~diverged & (distance < config.goal_threshold)
        fell = ~diverged & dropped(self._layout, moved)
        change = reward.Change(
            distance_before=goals.distance(episode.goal, before.orientation),
            distance=distance,
            reached=reached,
            dropped=fell,
            action=control.action,
            last_action=episode.last_action,
            average=control.average.value,
        )
        rewards = reward.rewards(config.reward, change)
        count = episode.goals + reached
        goal_steps = jnp.where(reached, 0, episode.goal_steps + 1)
        timed_out = ~diverged & ~fell & (goal_steps >= self._timeout_steps)
        capped = ~fell & (count >= config.max_goals)
        done = diverged | fell | timed_out | capped

        following = goals.draw(
            nth(episode.goal_key, count), after.orientation, state.goal_distance, config.goals
        )
        goal = where(reached, following, episode.goal)
        sensing, sensed = self._sensors.read(keys.sensing, episode.draw, episode.sensing, after)
        going_on = dataclasses.replace(
            episode,
            physics=moved,
            goal=goal,
            goals=count,
            goal_steps=goal_steps,
            last_action=control.action,
            average=control.average,
            noisy_average=control.noisy_average,
            command=control.command,
            actuation=control.memory,
            sensing=sensing,
        )
        seen = self._observe(hidden.of(self.config, going_on), sensed, after, goal)
        outcome = Outcome(
            reward=sum(rewards.values(), start=jnp.zeros_like(distance)),
            rewards=rewards,
            done=done,
            truncated=timed_out | capped,
            terminal_observation=seen,
            goal_reached=reached,
            dropped=fell,
            timed_out=timed_out,
            diverged=diverged,
            overflow=info.overflow,
            goals=count,
            distance=distance,
            contact_force=info.contact_force,
            counters=self._counters(state, done, reached, fell | timed_out),
        )
        going_on = dataclasses.replace(going_on, observation=seen)
        state = dataclasses.replace(state, key=keys.carry, episode=going_on)
        return self._restart(state, done, keys.start), outcome

    def partition(self, each: Any, shared: Any) -> EnvState:
        """A tree shaped like the state: `each` for leaves `[E, ...]`, `shared` for the others."""
        return EnvState(bank=shared, goal_distance=shared, key=each, episode=each)

    def take(self, state: EnvState, environments: np.ndarray) -> EnvState:
        """Selects environments; they continue as they would have among the others.

        Args:
            state: state of all environments.
            environments: indices of the selected environments, `[N]`.
        """
        key, episode = jax.tree.map(lambda x: x[environments], (state.key, state.episode))
        return dataclasses.replace(state, key=key, episode=episode)

    def true_readings(self, state: EnvState) -> readings.Readings:
        """Readings of hand and object from ideal sensors."""
        return self._read(state.episode.physics, state.episode.average)

    def with_pose(self, state: EnvState, position: jax.Array, orientation: jax.Array) -> EnvState:
        """The state with the policy's observation recomputed for another pose of the object.

        Args:
            state: state of all environments; its fingertips stay as sensed.
            position: position of the object in the `rh_forearm` frame, `[E, 3]` m.
            orientation: orientation of the object in that frame, `[E, 4]`.

        Raises:
            ValueError: the policy of this environment observes the true state.
        """
        if self._policy_sees_state:
            raise UserError(
                "config.env.policy_observation is 'state', which no robot can measure; "
                "evaluate a policy that observes sensor readings"
            )
        seen = observation.Seen(
            observation.fingertips(self._policy_parts, state.observation.policy),
            position,
            orientation,
            state.episode.goal,
            self.true_readings(state),
        )
        policy = observation.assemble(self._policy_parts, seen)
        told = dataclasses.replace(state.observation, policy=policy)
        return state.with_episode(observation=told)

    def seen_pose(self, state: EnvState) -> tuple[jax.Array, jax.Array]:
        """The object's pose in the policy's observation: position `[E, 3]` m, orientation `[E, 4]`,
        in the `rh_forearm` frame. Undefined for a policy that observes the true state."""
        return observation.object_pose(
            self._policy_parts, state.observation.policy, state.episode.goal
        )

    def unseen(self, state: EnvState) -> hidden.Hidden:
        """The part of the state that no policy observes, see `hidden.Hidden`."""
        return hidden.of(self.config, state.episode)

    def goal_in_world(self, state: EnvState) -> jax.Array:
        """Goal orientations in the world frame, `[E, 4]`, for rendering."""
        return rotations.multiply(jnp.asarray(self._layout.forearm_quaternion), state.episode.goal)

    def _restart(self, state: EnvState, done: jax.Array, keys: jax.Array) -> EnvState:
        """The state with new episodes where `done` `[E]`; each environment keeps its random stream.

        Few episodes end in one step, and a start costs more than a step without physics. Starts are
        therefore made for a small block of environments at a time, until none is left.
        """
        num_envs = done.shape[0]
        block = max(num_envs // _BLOCKS, 1)

        def restart_some(loop):
            episode, done = loop
            (index,) = jnp.nonzero(done, size=block, fill_value=num_envs)  # out of range: none
            start = self._start(
                state.bank, keys[jnp.minimum(index, num_envs - 1)], state.goal_distance
            )
            episode = jax.tree.map(
                lambda old, new: old.at[index].set(new, mode="drop"), episode, start
            )
            return episode, done.at[index].set(False, mode="drop")

        episode, _ = jax.lax.while_loop(
            lambda loop: jnp.any(loop[1]), restart_some, (state.episode, done)
        )
        return dataclasses.replace(state, episode=episode)

    @functools.partial(jax.jit, static_argnums=0)
    def _begin(self, bank: Bank, keys: jax.Array, goal_distance: jax.Array) -> EnvState:
        """Starts all environments; `keys` `[E]` holds the random key of each."""
        carry = _StartKeys(*split(keys, len(_StartKeys._fields))).carry
        return EnvState(bank, goal_distance, carry, self._start(bank, keys, goal_distance))

    def _start(self, bank: Bank, env_keys: jax.Array, goal_distance: jax.Array) -> Episode:
        keys = _StartKeys(*split(env_keys, len(_StartKeys._fields)))
        pair = jax.vmap(lambda key: jax.random.randint(key, (), 0, bank.size))(keys.pair)
        draw, start = bank.take(pair)
        none = actions.no_average(len(pair))
        true = self._read(start, none)
        zeros = jnp.zeros(pair.shape, jnp.int32)
        goal = goals.draw(
            nth(keys.goal, zeros), true.orientation, goal_distance, self.config.env.goals
        )
        actuation, idle = self._controller.begin(keys.actuation, draw, true)
        sensing = self._sensors.begin(keys.sensing, draw, true)
        sensing, sensed = self._sensors.read(keys.first, draw, sensing, true)
        episode = Episode(
            draw=draw,
            physics=start,
            goal_key=keys.goal,
            goal=goal,
            goals=zeros,
            goal_steps=zeros,
            last_action=jnp.zeros_like(none.value),
            average=none,
            noisy_average=none,
            command=idle,
            actuation=actuation,
            sensing=sensing,
            observation=observation.NONE,
        )
        seen = self._observe(hidden.of(self.config, episode), sensed, true, goal)
        return dataclasses.replace(episode, observation=seen)

    def _hidden_parts(self) -> tuple[hidden.Part, ...]:
        key = jax.random.key(0)
        return hidden.parts(jax.eval_shape(lambda: self.unseen(self.reset(key, 1, 0.0))))

    def _counters(
        self, state: EnvState, done: jax.Array, reached: jax.Array, failed: jax.Array
    ) -> dict[str, jax.Array]:
        if not any(term.enabled(self.config) for term in randomization.TERMS):
            return {}
        draw = state.episode.draw
        role, strengths = draw.role, draw.strengths
        if not self.config.adr.enabled:
            return adr.at_full_strength(role, reached, failed)
        # Episodes that started before the bank was redrawn may run at limits that have since moved.
        tested = jnp.maximum(role, 0)
        at_limit = (
            jnp.take_along_axis(strengths, tested[:, None], axis=1)[:, 0]
            == (state.bank.limits[tested])
        )
        return adr.count(role, at_limit, done, reached, failed)

    def _read(self, state: physics.State, average: actions.Average) -> readings.Readings:
        return readings.read(self._layout, self._chain, state, average.value)

    def _simulate(
        self, episode: Episode, control: Control
    ) -> tuple[physics.State, physics.StepInfo]:
        """Simulates the command; the resulting state holds the controller's targets."""
        before, command = episode.physics, control.command
        force = jnp.zeros_like(before.qfrc_applied)
        force = force.at[:, self._layout.object_qvel[:3]].set(command.force)
        parameters = episode.draw.parameters
        if self._controller.varies_time_step:
            parameters = parameters | {"timestep": command.timestep}
        given = dataclasses.replace(before, ctrl=command.targets, qfrc_applied=force)
        moved, info = self.engine.step(parameters, given, self.substeps)
        return dataclasses.replace(moved, ctrl=control.targets), info

    def _observe(
        self,
        unseen: hidden.Hidden,
        sensed: sensing.Sensed,
        true: readings.Readings,
        goal: jax.Array,
    ) -> observation.Observation:
        truth = observation.Seen(true.fingertips, true.position, true.orientation, goal, true)
        value = observation.assemble(self._value_parts, truth)
        if self._privileged:
            value = jnp.concatenate([value, hidden.flat(unseen)], axis=-1)
        if self._policy_sees_state:
            return observation.Observation(policy=value, value=value)
        policy = observation.assemble(self._policy_parts, observation.Seen(*sensed, goal, true))
        return observation.Observation(policy=policy, value=value)
