"""One hand that people can meddle with, a control step at a time; knows of no browser."""

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
LIFT = 0.05  # m above its place in the palm from which the object is dropped in
_ANYWHERE = math.pi  # rad: goals are uniform over all orientations


class Adjustments(NamedTuple):
    """What people change of the physics, on top of what was drawn for the episode.

    Attributes:
        friction: factor of all friction coefficients.
        mass: factor of the object's mass and inertia.
        gain: factor of the motors' position gains.
        gravity: factor of gravity.
        delay: control steps from an action to its effect, 0 to `LONGEST_DELAY`.
    """

    friction: float = 1.0
    mass: float = 1.0
    gain: float = 1.0
    gravity: float = 1.0
    delay: int = 0


class Felt(NamedTuple):
    """What physics was like in a control step, draws and adjustments together.

    Attributes:
        friction: sliding coefficient of the object.
        mass: of the object, kg.
        gain: the motors' position gains as a multiple of the model's, in the geometric mean.
        gravity: m/s2.
    """

    friction: Any
    mass: Any
    gain: Any
    gravity: Any


class Step(NamedTuple):
    """What a control step left behind: arrays of JAX's until they are fetched, then numpy's.

    Attributes:
        qpos: joint angles and the object's pose in the world, `[31]`.
        goal: orientation in the world, `[4]`.
        action: bins of the actuators, `[20]` int32; what the agent asked for, not yet delayed.
        dropped, done: what happened; `done` says that the episode is a new one.
        goals: goals reached in a row, those of this step included.
        felt: physics of the step.
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
        """Angle that is left to the goal, rad."""
        return 2 * math.acos(min(abs(float(self.qpos[-4:] @ self.goal)), 1.0))


class World:
    """The task as `Play` needs it: compiled for one hand, with two kinds of starts; slow to make.

    Args:
        config: a whole configuration; its terms are what randomisation means here.

    Attributes:
        env: the environment.
        banks: starts by whether they are randomised.
        randomisable: whether they differ. A world with terms of its own has one kind.
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
        # Compiled here and now, wherever the caller waits for it.
        state, step = self.begin(jax.random.key(0), False)
        self.advance(state, step.action, Adjustments())

    def begin(self, key: jax.Array, randomised: bool) -> tuple[EnvState, Step]:
        """A new episode of one hand."""
        state, step = self._begin(self.banks[randomised], key)
        return state, jax.device_get(step)

    def advance(
        self, state: EnvState, action: np.ndarray, adjustments: Adjustments
    ) -> tuple[EnvState, Step]:
        """One control step; `action` `[20]` takes effect in it, whatever the delay."""
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
        # An episode keeps what was drawn for it, or adjustments would multiply from step to step.
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
        moving = model.actuator_gainprm[:, 0] > 0  # not those of a locked wrist
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
    """An agent that turns the object, for as long as anyone watches.

    Args:
        world: where.
        agents: who may act, by name; the first one does.
        seed: of starts, goals and draws.

    Attributes:
        adjustments: for the steps to come.
        now: the step that was taken last, or the start of an episode.
        steps: control steps taken.
        best: most goals in a row so far, of this agent in this world.
        drops: how often it dropped the object there.
        fresh: whether `now` does not follow from the step before it.
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
        """What a control step stands for, s."""
        return self._world.env.control_dt

    @property
    def agent(self) -> str:
        """Who acts; a new one begins without memory, and is counted anew."""
        return self._agent

    @agent.setter
    def agent(self, name: str) -> None:
        self._agent = name
        self._begin()

    @property
    def randomisable(self) -> bool:
        """Whether the world is there with randomisation and without."""
        return self._world.randomisable

    def enter(self, world: World, randomised: bool) -> None:
        """Goes on in another world, or under other draws, with a new episode, counted anew."""
        self._world, self._randomised = world, randomised
        self._begin()

    def restart(self) -> None:
        """Begins a new episode with the object above the palm, let go."""
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
        """Asks for another orientation, uniformly random; the goals in a row stand."""
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
        """Knocks the object sideways."""
        angle = self._random.uniform(0, 2 * np.pi)
        columns = layout(self._world.env.engine.model).object_qvel[:2]
        qvel = np.array(self._state.episode.physics.qvel)
        qvel[0, columns] += PUSH * np.array([np.cos(angle), np.sin(angle)])
        self._move(qvel=qvel)

    def step(self) -> Step:
        """Takes one control step."""
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
    """A bank whose draws hold all fields that can be adjusted."""
    fields = ("geom_friction", "body_mass", "body_inertia", "actuator_gainprm", "actuator_biasprm")
    nominal = physics.nominal_parameters(model, bank.size, (*fields, "gravity"))
    parameters = {name: jnp.asarray(values) for name, values in nominal.items()}
    draws = dataclasses.replace(bank.draws, parameters=parameters | bank.draws.parameters)
    return dataclasses.replace(bank, draws=draws)
