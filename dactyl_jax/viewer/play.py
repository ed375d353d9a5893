"""An interactive simulation of one hand, one control step at a time; independent of the browser."""

import collections
import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import physics, randomization
from dactyl_jax.envs import EnvState, actions, make_environment
from dactyl_jax.envs.bank import Bank, Draw, build
from dactyl_jax.hand import layout, rotations
from dactyl_jax.learning import Agent

LONGEST_DELAY = 5  # control steps
PUSH = 0.35  # m/s that a push adds to the object, in a random horizontal direction
LIFT = 0.05  # m above its place in the palm from which the object is dropped
_ANYWHERE = math.pi  # rad: goals are uniform over all orientations


class Adjustments(NamedTuple):
    """User's changes to the physics, on top of what was drawn for the episode.

    Attributes:
        friction: factor on all friction coefficients.
        mass: factor on the object's mass and inertia.
        gain: factor on the motors' position gains.
        gravity: factor on gravity.
        delay: control steps from an action to its effect, 0 to `LONGEST_DELAY`.
    """

    friction: float = 1.0
    mass: float = 1.0
    gain: float = 1.0
    gravity: float = 1.0
    delay: int = 0


class Felt(NamedTuple):
    """Physical parameters of a control step, including draws and adjustments.

    Attributes:
        friction: sliding coefficient of the object.
        mass: mass of the object, kg.
        gain: geometric mean of the motors' position gains relative to the model's.
        gravity: m/s2.
    """

    friction: Any
    mass: Any
    gain: Any
    gravity: Any


class Step(NamedTuple):
    """Result of a control step: JAX arrays until fetched, then numpy arrays.

    Attributes:
        qpos: joint angles and the object's pose in the world frame, `[31]`.
        goal: goal orientation in the world frame, `[4]`.
        action: bins of the actuators, `[20]` int32, as the agent chose them, before any delay.
        dropped, done: what happened; after `done` the episode is a new one.
        goals: consecutive goals reached, including this step's.
        felt: physical parameters of the step.
    """

    qpos: Any
    goal: Any
    action: Any
    dropped: Any
    done: Any
    goals: Any
    felt: Felt

    @property
    def distance(self) -> float:
        """Remaining angle to the goal, rad."""
        return 2 * math.acos(min(abs(float(self.qpos[-4:] @ self.goal)), 1.0))


class World:
    """The task compiled for one hand, with two kinds of starts, for `Play`; slow to construct.

    Args:
        config: a complete configuration; its terms define the randomisation.

    Attributes:
        env: the environment.
        banks: banks of starts, by whether they are randomised.
        randomisable: whether they differ. A world with fixed terms has one kind.
    """

    def __init__(self, config: ConfigDict) -> None:
        self.env = make_environment(config)
        model = self.env.engine.model
        self.randomisable = config.env.world == "training"
        off = self.env.bank
        if self.randomisable:
            off = build(self.env.config, model, strengths=np.zeros(len(randomization.TERMS)))
        self.banks = {True: _complete(self.env.bank, model), False: _complete(off, model)}
        self._object = model.body("object").id
        self._geom = int(np.flatnonzero(model.geom_bodyid == self._object)[0])
        self._begin = jax.jit(self._begin_episode)
        self._advance = jax.jit(self._control_step)
        # Compile now, while the caller expects to wait.
        state, step = self.begin(jax.random.key(0), False)
        self.advance(state, step.action, Adjustments())

    def begin(self, key: jax.Array, randomised: bool) -> tuple[EnvState, Step]:
        """Starts a new episode of one hand."""
        state, step = self._begin(self.banks[randomised], key)
        return state, jax.device_get(step)

    def advance(
        self, state: EnvState, action: np.ndarray, adjustments: Adjustments
    ) -> tuple[EnvState, Step]:
        """Runs one control step; `action` `[20]` takes effect in it, regardless of the delay."""
        state, step = self._advance(state, action, np.array(adjustments, np.float32))
        return state, jax.device_get(step)

    def _begin_episode(self, bank: Bank, key: jax.Array) -> tuple[EnvState, Step]:
        state = self.env.reset(key, 1, _ANYWHERE, bank)
        nothing = jnp.full(self.env.num_actuators, actions.MIDDLE_BIN)
        no = jnp.zeros((), bool)
        return state, self._step(
            state, nothing, no, no, jnp.zeros((), jnp.int32), state.episode.draw
        )

    def _control_step(
        self, state: EnvState, action: jax.Array, adjustments: jax.Array
    ) -> tuple[EnvState, Step]:
        adjusted = self._adjusted(state.episode.draw, adjustments)
        after, outcome = self.env.step(state.with_episode(draw=adjusted), action[None])
        # Restore the episode's draw, or adjustments would accumulate from step to step.
        draw = jax.tree.map(
            lambda new, old: jnp.where(outcome.done[0], new, old),
            after.episode.draw,
            state.episode.draw,
        )
        after = after.with_episode(draw=draw)
        what = outcome.dropped[0], outcome.done[0], outcome.goals[0]
        return after, self._step(after, action, *what, adjusted)

    def _adjusted(self, draw: Draw, adjustments: jax.Array) -> Draw:
        now = Adjustments(*adjustments)
        fields = dict(draw.parameters)
        fields["geom_friction"] *= now.friction
        for name in ("body_mass", "body_inertia"):
            fields[name] = fields[name].at[:, self._object].multiply(now.mass)
        fields["actuator_gainprm"] = fields["actuator_gainprm"].at[:, :, 0].multiply(now.gain)
        fields["actuator_biasprm"] = fields["actuator_biasprm"].at[:, :, 1].multiply(now.gain)
        fields["gravity"] *= now.gravity
        return dataclasses.replace(draw, parameters=fields)

    def _step(self, state: EnvState, action, dropped, done, goals, draw: Draw) -> Step:
        fields, model = draw.parameters, self.env.engine.model
        moving = model.actuator_gainprm[:, 0] > 0  # excludes a locked wrist's actuators
        gains = fields["actuator_gainprm"][0, moving, 0] / model.actuator_gainprm[moving, 0]
        felt = Felt(
            friction=fields["geom_friction"][0, self._geom, 0],
            mass=fields["body_mass"][0, self._object],
            gain=jnp.exp(jnp.mean(jnp.log(gains))),
            gravity=jnp.linalg.norm(fields["gravity"][0]),
        )
        goal = self.env.goal_in_world(state)[0]
        return Step(state.episode.physics.qpos[0], goal, action, dropped, done, goals, felt)


class Play:
    """An endless simulation of an agent that rotates the object.

    Args:
        world: the world.
        agents: available agents by name; the first one acts initially.
        seed: seed of starts, goals and draws.

    Attributes:
        adjustments: adjustments for the next steps.
        now: result of the last step, or the start of an episode.
        steps: number of control steps so far.
        best: most consecutive goals of this agent in this world.
        drops: number of drops of this agent in this world.
        fresh: whether `now` does not follow from the previous step.
    """

    def __init__(self, world: World, agents: Mapping[str, Agent], seed: int) -> None:
        self._agents = dict(agents)
        self.adjustments = Adjustments()
        self.steps = self.best = self.drops = 0
        self._world = world
        self._randomised = False
        self._start_key, self._act_key = jax.random.split(jax.random.key(seed))
        self._random = np.random.default_rng(seed)
        self._act = jax.jit(_act)
        self._count = 0
        self.fresh = True
        self._memory: Any = ()
        self.agent = next(iter(self._agents))

    @property
    def control_dt(self) -> float:
        """Duration of a control step, s."""
        return self._world.env.control_dt

    @property
    def agent(self) -> str:
        """The acting agent; a new one starts without memory and with counters at zero."""
        return self._agent

    @agent.setter
    def agent(self, name: str) -> None:
        self._agent = name
        self._begin()

    @property
    def randomisable(self) -> bool:
        """Whether the world exists with and without randomisation."""
        return self._world.randomisable

    def enter(self, world: World, randomised: bool) -> None:
        """Continues in another world or with other draws: new episode, counters at zero."""
        self._world, self._randomised = world, randomised
        self._begin()

    def restart(self) -> None:
        """Starts a new episode by dropping the object into the palm."""
        self._count += 1
        key = jax.random.fold_in(self._start_key, self._count)
        self._state, self.now = self._world.begin(key, self._randomised)
        self._forget()
        height = layout(self._world.env.engine.model).object_qpos[2]
        qpos = np.array(self._state.episode.physics.qpos)
        qpos[:, height] += LIFT
        self._move(qpos=qpos)
        self.now = self.now._replace(qpos=qpos[0])

    def new_goal(self) -> None:
        """Sets another goal, uniformly random; keeps the count of consecutive goals."""
        quaternion = self._random.normal(size=(1, 4)).astype(np.float32)
        quaternion *= np.sign(quaternion[0, 0]) / np.linalg.norm(quaternion)
        self._state = self._state.with_episode(
            goal=jnp.asarray(quaternion),
            goal_steps=jnp.zeros_like(self._state.episode.goal_steps),
        )
        forearm = layout(self._world.env.engine.model).forearm_quaternion
        world = rotations.multiply(jnp.asarray(forearm, jnp.float32), jnp.asarray(quaternion[0]))
        self.now = self.now._replace(goal=np.asarray(world))

    def push(self) -> None:
        """Pushes the object sideways."""
        angle = self._random.uniform(0, 2 * np.pi)
        columns = layout(self._world.env.engine.model).object_qvel[:2]
        qvel = np.array(self._state.episode.physics.qvel)
        qvel[0, columns] += PUSH * np.array([np.cos(angle), np.sin(angle)])
        self._move(qvel=qvel)

    def step(self) -> Step:
        """Runs one control step."""
        key = jax.random.fold_in(self._act_key, self.steps)
        action, self._memory = self._act(
            self._agents[self._agent],
            self._state.observation.policy,
            self._memory,
            jnp.asarray([self.fresh]),
            key,
        )
        asked = np.asarray(action[0])
        self._asked.append(asked)
        given = self._asked[max(len(self._asked) - 1 - self.adjustments.delay, 0)]
        self._state, now = self._world.advance(self._state, given, self.adjustments)
        self.now = now._replace(action=asked)
        self.steps += 1
        self.best = max(self.best, int(now.goals))
        self.drops += int(now.dropped)
        self.fresh = False
        if now.done:
            self._forget()
        return self.now

    def _begin(self) -> None:
        self.best = self.drops = 0
        self.restart()

    def _forget(self) -> None:
        self.fresh = True
        self._memory = self._agents[self._agent].initial_carry(1)
        self._asked: collections.deque[np.ndarray] = collections.deque(maxlen=LONGEST_DELAY + 1)

    def _move(self, **fields: np.ndarray) -> None:
        changed = {name: jnp.asarray(value) for name, value in fields.items()}
        physics_now = dataclasses.replace(self._state.episode.physics, **changed)
        self._state = self._state.with_episode(physics=physics_now)


def _act(agent: Agent, observation: jax.Array, memory, first: jax.Array, key: jax.Array):
    return agent.act(observation, memory, first, key[None])


def _complete(bank: Bank, model) -> Bank:
    """A bank whose draws contain all adjustable fields."""
    fields = ("geom_friction", "body_mass", "body_inertia", "actuator_gainprm", "actuator_biasprm")
    nominal = physics.nominal_parameters(model, bank.size, (*fields, "gravity"))
    parameters = {name: jnp.asarray(values) for name, values in nominal.items()}
    draws = dataclasses.replace(bank.draws, parameters=parameters | bank.draws.parameters)
    return dataclasses.replace(bank, draws=draws)
