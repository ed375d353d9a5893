"""The task: turn the object in the palm to the orientation asked for, again and again."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from dactyl_jax import hand, physics, randomization
from dactyl_jax.envs import actions, goals, observation, readings
from dactyl_jax.envs.bank import Bank, build
from dactyl_jax.envs.drop import dropped
from dactyl_jax.envs.reward import reward
from dactyl_jax.hand import kinematics, rotations
from dactyl_jax.randomization import sensing

_MAX_SPEED = 1e3  # m/s and rad/s: beyond this a simulation has diverged


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class EnvState:
    """State of all environments; all but `bank` batch-first.

    Attributes:
        bank: the pairs that resets take.
        key: `[E]`, each environment's own stream of random numbers.
        pair: the bank's pair that the episode started from, `[E]` int32.
        physics: the engines' state row.
        goal: target orientation in the `rh_forearm` frame, `[E, 4]`.
        goals: goals reached in the episode, `[E]` int32.
        goal_steps: control steps spent on the goal, `[E]` int32.
        offsets: the episode's sensing errors.
        observation: of this state, for the next action.
    """

    bank: Bank
    key: jax.Array
    pair: jax.Array
    physics: physics.State
    goal: jax.Array
    goals: jax.Array
    goal_steps: jax.Array
    offsets: sensing.Offsets
    observation: observation.Observation


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one control step brought, `[E]` each.

    Attributes:
        reward: float32.
        done: the episode ended, and the state is that of the next one already.
        truncated: it ended without failure (goal time-out, goal cap): bootstrap its value.
        terminal_value_observation: the value function's input before any reset, `[E, 104]`.
        goal_reached, dropped, timed_out, diverged, overflow: what happened.
        goals: consecutive goals of the episode, this step's included, before any reset; int32.
        distance: angle to the goal that the step was rewarded for, rad.
        contact_force: net force of all contacts on the object at the step's end, `[E, 3]` N.
    """

    reward: jax.Array
    done: jax.Array
    truncated: jax.Array
    terminal_value_observation: jax.Array
    goal_reached: jax.Array
    dropped: jax.Array
    timed_out: jax.Array
    diverged: jax.Array
    overflow: jax.Array
    goals: jax.Array
    distance: jax.Array
    contact_force: jax.Array


class _Keys(NamedTuple):
    """Streams of one control step, `[E]` each."""

    carry: jax.Array
    goal: jax.Array
    sensing: jax.Array
    pair: jax.Array
    start_goal: jax.Array
    offsets: jax.Array
    start_sensing: jax.Array


class Reorientation:
    """In-hand reorientation over any engine; `reset` and `step` are pure functions.

    Args:
        config: a whole configuration, see `dactyl_jax.config`.
        engine: the physics of the object's and hand's model.
    """

    num_actuators = len(hand.ACTUATORS)
    num_bins = actions.NUM_BINS
    value_size = observation.VALUE_SIZE

    def __init__(self, config: ConfigDict, engine: physics.Engine):
        self.config = config
        self.engine = engine
        self.control_dt = config.env.control_dt
        self.policy_size = observation.POLICY_SIZES[config.env.policy_observation]
        self.bank = build(config, engine.model)
        self._layout = hand.layout(engine.model)
        self._chain = kinematics.chain(engine.model)
        self._substeps = round(config.env.control_dt / config.env.sim_dt)
        self._timeout_steps = round(config.env.goal_timeout_s / config.env.control_dt)
        self._noisy = randomization.enabled(config, "observation_noise")

    def reset(self, key: jax.Array, num_envs: int, goal_distance: jax.Array | float) -> EnvState:
        """Starts environments; the draws of environment i come from `fold_in(key, i)` alone.

        Args:
            key: a typed key, `[]`.
            num_envs: how many.
            goal_distance: largest angle of a new goal, `[]` rad; from pi on goals are uniform.
        """
        keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(num_envs))
        return self._start(self.bank, _split(keys), jnp.float32(goal_distance))

    def step(
        self, state: EnvState, action: jax.Array, goal_distance: jax.Array
    ) -> tuple[EnvState, Outcome]:
        """Advances every environment by one control step; those that end start anew.

        Args:
            state: of all environments.
            action: bins, `[E, 20]` int32 in 0..10.
            goal_distance: largest angle of a new goal, `[]` rad; from pi on goals are uniform.
        """
        config = self.config.env
        keys = _split(state.key)
        before = self._read(state.physics)
        targets = actions.targets(
            self._layout,
            config.action,
            config.smoothing,
            action,
            before.joint_angles,
            state.physics.ctrl,
        )
        parameters, _ = state.bank.take(state.pair)
        moved, info = self.engine.step(
            parameters, dataclasses.replace(state.physics, ctrl=targets), self._substeps
        )
        diverged = info.diverged | ~_sound(moved)
        moved = _where(diverged, state.physics, moved)  # a finite stand-in; the episode ends below
        after = self._read(moved)

        distance = goals.distance(state.goal, after.orientation)
        reached = ~diverged & (distance < config.goal_threshold)
        fell = ~diverged & dropped(self._layout, moved)
        gained = reward(
            config.reward, goals.distance(state.goal, before.orientation), distance, reached, fell
        )
        count = state.goals + reached
        goal_steps = jnp.where(reached, 0, state.goal_steps + 1)
        timed_out = ~diverged & ~fell & (goal_steps >= self._timeout_steps)
        capped = ~fell & (count >= config.max_goals)
        done = diverged | fell | timed_out | capped

        goal = _where(reached, goals.draw(keys.goal, after.orientation, goal_distance), state.goal)
        outcome = Outcome(
            reward=gained,
            done=done,
            truncated=timed_out | capped,
            terminal_value_observation=observation.value_observation(after, goal),
            goal_reached=reached,
            dropped=fell,
            timed_out=timed_out,
            diverged=diverged,
            overflow=info.overflow,
            goals=count,
            distance=distance,
            contact_force=info.contact_force,
        )
        going_on = EnvState(
            bank=state.bank,
            key=keys.carry,
            pair=state.pair,
            physics=moved,
            goal=goal,
            goals=count,
            goal_steps=goal_steps,
            offsets=state.offsets,
            observation=self._observe(keys.sensing, after, goal, state.offsets),
        )
        anew = self._start(state.bank, keys, goal_distance)
        return _replace(going_on, done, anew), outcome

    def goal_in_world(self, state: EnvState) -> jax.Array:
        """The goals' orientations in the world frame, `[E, 4]`, to draw them."""
        return rotations.multiply(jnp.asarray(self._layout.forearm_quaternion), state.goal)

    def _start(self, bank: Bank, keys: _Keys, goal_distance: jax.Array) -> EnvState:
        pair = jax.vmap(lambda key: jax.random.randint(key, (), 0, bank.size))(keys.pair)
        _, start = bank.take(pair)
        true = self._read(start)
        goal = goals.draw(keys.start_goal, true.orientation, goal_distance)
        offsets = sensing.draw_offsets(keys.offsets, self.config.terms.observation_noise)
        zeros = jnp.zeros(pair.shape, jnp.int32)
        return EnvState(
            bank=bank,
            key=keys.carry,
            pair=pair,
            physics=start,
            goal=goal,
            goals=zeros,
            goal_steps=zeros,
            offsets=offsets,
            observation=self._observe(keys.start_sensing, true, goal, offsets),
        )

    def _read(self, state: physics.State) -> readings.Readings:
        return readings.read(self._layout, self._chain, state)

    def _observe(
        self, keys: jax.Array, true: readings.Readings, goal: jax.Array, offsets: sensing.Offsets
    ) -> observation.Observation:
        sensed = (true.fingertips, true.position, true.orientation)
        if self._noisy:
            sensed = sensing.observe(keys, offsets, *sensed, self.config.terms.observation_noise)
        return observation.Observation(
            policy=observation.policy_observation(
                self.config.env.policy_observation, *sensed, goal, true
            ),
            value=observation.value_observation(true, goal),
        )


def _split(keys: jax.Array) -> _Keys:
    count = len(_Keys._fields)
    return _Keys(*jnp.moveaxis(jax.vmap(lambda key: jax.random.split(key, count))(keys), 1, 0))


def _sound(state: physics.State) -> jax.Array:
    """Whether an environment's state is finite and of possible speed, `[E]` bool."""
    speeds = jnp.all(jnp.abs(state.qvel) < _MAX_SPEED, axis=-1)  # False for NaN too
    return speeds & jnp.all(jnp.isfinite(state.qpos), axis=-1)


def _where(mask: jax.Array, chosen, other):
    """`chosen` in the environments of `mask` `[E]`, `other` elsewhere, for trees of `[E, ...]`."""

    def select(a, b):
        return jnp.where(mask.reshape(mask.shape + (1,) * (a.ndim - 1)), a, b)

    return jax.tree.map(select, chosen, other)


def _replace(state: EnvState, done: jax.Array, anew: EnvState) -> EnvState:
    """The states `anew` where episodes are `done`; each keeps its own stream of keys."""
    fields = [f.name for f in dataclasses.fields(EnvState) if f.name not in ("bank", "key")]
    return dataclasses.replace(
        state, **{name: _where(done, getattr(anew, name), getattr(state, name)) for name in fields}
    )
