"""The task: turn the object in the palm to the orientation asked for, again and again."""

import copy
import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import devices, hand, physics, randomization
from dactyl_jax.envs import actions, adr, goals, hidden, observation, readings
from dactyl_jax.envs.bank import Bank, Draw, build
from dactyl_jax.envs.drop import dropped
from dactyl_jax.envs.reward import reward
from dactyl_jax.errors import UserError
from dactyl_jax.hand import kinematics, rotations, surface
from dactyl_jax.randomization import actuation, sensing

_BLOCKS = 16  # in which environments start anew, see `_restart`


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class EnvState:
    """State of all environments; all but `bank` batch-first.

    Attributes:
        bank: the pairs that resets take.
        key: `[E]`, each environment's own stream of random numbers.
        draw: what was drawn for the episode; it stays when the bank is drawn anew.
        physics: the engines' state row; its `ctrl` holds the controller's targets, of which the
            motors may have got something else.
        goal_key: `[E]`, from which the episode's goals follow, whatever happens between them.
        goal: target orientation in the `rh_forearm` frame, `[E, 4]`.
        goals: goals reached in the episode, `[E]` int32.
        goal_steps: control steps spent on the goal, `[E]` int32.
        average: what the controller remembers of its actions.
        noisy_average: the same of the actions with the errors that the terms make, which is what
            reaches the motors.
        command: that reached the motors in the last control step; at an episode's start, one that
            holds the hand as it is.
        actuation: what the actuation terms remember.
        sensing: what the sensing terms remember.
        observation: of this state, for the next action.
    """

    bank: Bank
    key: jax.Array
    draw: Draw
    physics: physics.State
    goal_key: jax.Array
    goal: jax.Array
    goals: jax.Array
    goal_steps: jax.Array
    average: actions.Average
    noisy_average: actions.Average
    command: actuation.Command
    actuation: randomization.Memory
    sensing: randomization.Memory
    observation: observation.Observation


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one control step brought, `[E]` each.

    Attributes:
        reward: float32.
        done: the episode ended, and the state is that of the next one already.
        truncated: it ended without failure (goal time-out, goal cap): bootstrap its value.
        terminal_value_observation: the value function's input before any reset, `[E, value_size]`.
        goal_reached, dropped, timed_out, diverged, overflow: what happened.
        goals: consecutive goals of the episode, this step's included, before any reset; int32.
        distance: angle to the goal that the step was rewarded for, rad.
        contact_force: net force of all contacts on the object at the step's end, `[E, 3]` N.
        counters: at full strength, `adr.at_full_strength`, and of automatic domain randomisation,
            `adr.count`; empty without randomisation.
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
    counters: dict[str, jax.Array]


class _Keys(NamedTuple):
    """Streams of one control step, `[E]` each."""

    carry: jax.Array
    actuation: jax.Array
    sensing: jax.Array
    start: jax.Array


class _Control(NamedTuple):
    """What one control step does before physics.

    Attributes:
        targets: that the controller wants, `[E, 20]` rad.
        average, noisy_average: see `EnvState`.
        memory: of the actuation terms.
        command: that reaches the motors.
    """

    targets: jax.Array
    average: actions.Average
    noisy_average: actions.Average
    memory: randomization.Memory
    command: actuation.Command


class Reorientation:
    """In-hand reorientation over any engine; `reset` and `step` are pure functions.

    Args:
        config: a whole configuration, see `dactyl_jax.config`.
        engine: the physics of the object's and hand's model.
        limits: of automatic domain randomisation, for the first bank, see `bank.build`.

    Attributes:
        hidden_parts: what the value function sees of what is hidden, after the parts of
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
        self._surface = surface.surface(engine.model)
        self._averages = config.env.smoothed == "action"
        self._kept = actions.kept_share(config.env.smoothing_kept, config.env.control_dt)
        log_rates = actuation.log_rates(engine.model, mirrored=self._averages)
        self._log_rates = jnp.asarray(log_rates, jnp.float32)
        self._timeout_steps = round(config.env.goal_timeout_s / config.env.control_dt)
        self._on_actions, self._on_averages, self._on_motors = (
            randomization.Pipeline(terms, config)
            for terms in (actuation.ON_ACTIONS, actuation.ON_AVERAGES, actuation.ON_MOTORS)
        )
        self._sensing = randomization.Pipeline(randomization.sensing.TERMS, config)
        self.hidden_parts = self._hidden_parts() if self._privileged else ()
        self.value_size = observation.size(self._value_parts)
        self.value_size += sum(part.size for part in self.hidden_parts)
        self.policy_size = (
            self.value_size if self._policy_sees_state else observation.size(self._policy_parts)
        )

    def with_goals(self, distribution: str) -> "Reorientation":
        """The same task, bank and all, with `uniform` or `aligned` goals (`goals.draw`).

        Other names, of goals that are near, leave it as it is.
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
        num_envs: int,
        goal_distance: jax.Array | float,
        bank: Bank | None = None,
    ) -> EnvState:
        """Starts environments; the draws of environment i come from `fold_in(key, i)` alone.

        Args:
            key: a typed key, `[]`.
            num_envs: how many.
            goal_distance: largest angle of a new goal, `[]` rad; from pi on see `goals.draw`.
            bank: of starts, in place of the environment's own.
        """
        keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(num_envs))
        return self._start_compiled(bank or self.bank, keys, jnp.float32(goal_distance))

    def redraw(
        self, state: EnvState, generation: int, limits: np.ndarray | None = None
    ) -> EnvState:
        """The state with a new bank, for the episodes to come; runs on the host.

        Args:
            state: its episodes go on under their own draws.
            generation: number of the bank; the first one was 0.
            limits: of automatic domain randomisation, see `bank.build`.
        """
        bank = build(self.config, self.engine.model, generation, limits)
        where = jax.tree.map(lambda old: old.sharding, state.bank)
        return dataclasses.replace(state, bank=devices.place(bank, where))

    def step(
        self, state: EnvState, action: jax.Array, goal_distance: jax.Array
    ) -> tuple[EnvState, Outcome]:
        """Advances every environment by one control step; those that end start anew.

        Args:
            state: of all environments.
            action: bins, `[E, 20]` int32 in 0..10.
            goal_distance: largest angle of a new goal, `[]` rad; from pi on see `goals.draw`.
        """
        config, draw = self.config.env, state.draw
        keys = _Keys(*_split(state.key, len(_Keys._fields)))
        before = self._read(state.physics, state.average)
        control = self._control(keys.actuation, state, action, before)
        moved, info = self._simulate(draw, state.physics, control.command)
        moved = dataclasses.replace(moved, ctrl=control.targets)
        diverged = info.diverged | ~physics.sound(moved)
        moved = _where(diverged, state.physics, moved)  # a finite stand-in; the episode ends below
        after = self._read(moved, control.average)

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

        following = goals.draw(
            _nth(state.goal_key, count), after.orientation, goal_distance, config.goals
        )
        goal = _where(reached, following, state.goal)
        sensing_memory, sensed = self._sense(keys.sensing, draw, state.sensing, after)
        unseen = hidden.of(
            self.config,
            draw,
            control.memory,
            sensing_memory,
            control.noisy_average,
            control.command,
        )
        seen = self._observe(unseen, sensed, after, goal)
        outcome = Outcome(
            reward=gained,
            done=done,
            truncated=timed_out | capped,
            terminal_value_observation=seen.value,
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
        going_on = EnvState(
            bank=state.bank,
            key=keys.carry,
            draw=draw,
            physics=moved,
            goal_key=state.goal_key,
            goal=goal,
            goals=count,
            goal_steps=goal_steps,
            average=control.average,
            noisy_average=control.noisy_average,
            command=control.command,
            actuation=control.memory,
            sensing=sensing_memory,
            observation=seen,
        )
        return self._restart(going_on, done, keys.start, goal_distance), outcome

    def partition(self, each: Any, shared: Any) -> EnvState:
        """A state's tree with `each` for what is `[E, ...]`, and `shared` for the bank."""
        names = [field.name for field in dataclasses.fields(EnvState)]
        return EnvState(**{name: shared if name == "bank" else each for name in names})

    def take(self, state: EnvState, environments: np.ndarray) -> EnvState:
        """The state of some environments, which go on as they would have among the others.

        Args:
            state: of all environments.
            environments: numbers of those to take, `[N]`.
        """
        rows = _of_episode(state) | {"key": state.key}
        return dataclasses.replace(state, **jax.tree.map(lambda x: x[environments], rows))

    def with_pose(self, state: EnvState, position: jax.Array, orientation: jax.Array) -> EnvState:
        """The state as a policy sees it that is told another pose of the object.

        Args:
            state: of all environments; its fingertips stay as sensed.
            position: of the object in the `rh_forearm` frame, `[E, 3]` m.
            orientation: of the object there, `[E, 4]`.

        Raises:
            ValueError: the policy of this environment sees the true state.
        """
        if self._policy_sees_state:
            raise UserError(
                "config.env.policy_observation is 'state', which nothing on a robot can tell, nor "
                "tell late; evaluate a policy that sees readings"
            )
        seen = observation.Seen(
            observation.fingertips(self._policy_parts, state.observation.policy),
            position,
            orientation,
            state.goal,
            self._read(state.physics, state.average),
        )
        policy = observation.assemble(self._policy_parts, seen)
        return dataclasses.replace(
            state, observation=dataclasses.replace(state.observation, policy=policy)
        )

    def seen_pose(self, state: EnvState) -> tuple[jax.Array, jax.Array]:
        """The object's pose as the policy sees it: position `[E, 3]` m, orientation `[E, 4]`, in
        the `rh_forearm` frame. Not of a policy that sees the true state."""
        return observation.object_pose(self._policy_parts, state.observation.policy, state.goal)

    def unseen(self, state: EnvState) -> hidden.Hidden:
        """What no policy sees of the state, see `hidden.Hidden`."""
        return hidden.of(
            self.config,
            state.draw,
            state.actuation,
            state.sensing,
            state.noisy_average,
            state.command,
        )

    def goal_in_world(self, state: EnvState) -> jax.Array:
        """The goals' orientations in the world frame, `[E, 4]`, to draw them."""
        return rotations.multiply(jnp.asarray(self._layout.forearm_quaternion), state.goal)

    def _restart(
        self, state: EnvState, done: jax.Array, keys: jax.Array, goal_distance: jax.Array
    ) -> EnvState:
        """The state with new episodes where `done` `[E]`; each keeps its own stream of keys.

        Few end in one step, and a start costs more than a step outside physics: starts are made for
        a small block of environments at a time, until none is left.
        """
        num_envs = done.shape[0]
        block = max(num_envs // _BLOCKS, 1)

        def restart_some(loop):
            state, done = loop
            (index,) = jnp.nonzero(done, size=block, fill_value=num_envs)  # beyond the last: none
            anew = self._start(state.bank, keys[jnp.minimum(index, num_envs - 1)], goal_distance)
            rows = jax.tree.map(
                lambda old, new: old.at[index].set(new, mode="drop"),
                _of_episode(state),
                _of_episode(anew),
            )
            done = done.at[index].set(False, mode="drop")
            return dataclasses.replace(state, **rows), done

        return jax.lax.while_loop(lambda loop: jnp.any(loop[1]), restart_some, (state, done))[0]

    @functools.partial(jax.jit, static_argnums=0)
    def _start_compiled(self, bank: Bank, keys: jax.Array, goal_distance: jax.Array) -> EnvState:
        """As `_start`, whose hundreds of operations would else be compiled one by one."""
        return self._start(bank, keys, goal_distance)

    def _start(self, bank: Bank, keys: jax.Array, goal_distance: jax.Array) -> EnvState:
        carry, pair_key, goal_key, actuation_key, sensing_key, first_key = _split(keys, 6)
        pair = jax.vmap(lambda key: jax.random.randint(key, (), 0, bank.size))(pair_key)
        draw, start = bank.take(pair)
        strengths = _strengths(draw)
        none = actions.no_average(len(pair))
        true = self._read(start, none)
        zeros = jnp.zeros(pair.shape, jnp.int32)
        goal = goals.draw(
            _nth(goal_key, zeros), true.orientation, goal_distance, self.config.env.goals
        )
        scene = self._motors(draw, true)
        idle = self._command(none.value if self._averages else start.ctrl, start.ctrl)
        sensing_memory = self._sensing.begin(sensing_key, strengths, *self._sensors(draw, true))
        sensing_memory, sensed = self._sense(first_key, draw, sensing_memory, true)
        actuation_memory = {
            name: memory
            for terms in (self._on_actions, self._on_averages, self._on_motors)
            for name, memory in terms.begin(actuation_key, strengths, idle, scene).items()
        }
        unseen = hidden.of(self.config, draw, actuation_memory, sensing_memory, none, idle)
        return EnvState(
            bank=bank,
            key=carry,
            draw=draw,
            physics=start,
            goal_key=goal_key,
            goal=goal,
            goals=zeros,
            goal_steps=zeros,
            average=none,
            noisy_average=none,
            command=idle,
            actuation=actuation_memory,
            sensing=sensing_memory,
            observation=self._observe(unseen, sensed, true, goal),
        )

    def _hidden_parts(self) -> tuple[hidden.Part, ...]:
        key = jax.random.key(0)
        return hidden.parts(jax.eval_shape(lambda: self.unseen(self.reset(key, 1, 0.0))))

    def _counters(
        self, state: EnvState, done: jax.Array, reached: jax.Array, failed: jax.Array
    ) -> dict[str, jax.Array]:
        if not any(term.enabled(self.config) for term in randomization.TERMS):
            return {}
        role, strengths = state.draw.role, state.draw.strengths
        if not self.config.adr.enabled:
            return adr.at_full_strength(role, reached, failed)
        # Episodes from before the bank was redrawn may play at limits that have moved since.
        tested = jnp.maximum(role, 0)
        at_limit = (
            jnp.take_along_axis(strengths, tested[:, None], axis=1)[:, 0]
            == (state.bank.limits[tested])
        )
        return adr.count(role, at_limit, done, reached, failed)

    def _read(self, state: physics.State, average: actions.Average) -> readings.Readings:
        return readings.read(self._layout, self._chain, state, average.value)

    def _control(
        self, keys: jax.Array, state: EnvState, action: jax.Array, true: readings.Readings
    ) -> _Control:
        """What the controller makes of bins `[E, 20]`, and what becomes of it at the motors.

        Without terms, the two are the same: unit actions, their average, targets about the angles
        now. Terms make their errors on the way: noise on the actions, delay of the average, play
        between targets and motors.
        """
        scene, strengths, memory = self._motors(state.draw, true), _strengths(state.draw), {}
        mode = self.config.env.action

        def through(terms: randomization.Pipeline, command: actuation.Command):
            after, command = terms.apply(keys, strengths, state.actuation, command, scene)
            memory.update(after)
            return command

        unit = actions.unit_action(action)
        if not self._averages:
            targets = actions.targets(self._layout, mode, unit, true.joint_angles)
            targets = actions.smoothed_targets(self._kept, targets, state.physics.ctrl)
            command = through(self._on_actions, self._command(targets, targets))
            command = through(self._on_averages, command)
            command = through(self._on_motors, command._replace(targets=command.asked))
            return _Control(targets, state.average, state.noisy_average, memory, command)
        average = actions.average(self._kept, state.average, unit)
        targets = actions.targets(self._layout, mode, average.value, true.joint_angles)
        command = through(self._on_actions, self._command(unit, targets))
        noisy = actions.average(self._kept, state.noisy_average, command.asked)
        command = through(self._on_averages, command._replace(asked=noisy.value))
        heard = actions.targets(self._layout, mode, command.asked, true.joint_angles)
        command = through(self._on_motors, command._replace(targets=heard))
        return _Control(targets, average, noisy, memory, command)

    def _command(self, asked: jax.Array, targets: jax.Array) -> actuation.Command:
        """What the controller asks for, and nothing else, in steps of the model's time."""
        num_envs = targets.shape[0]
        return actuation.Command(
            asked=asked,
            targets=targets,
            force=jnp.zeros((num_envs, 3), jnp.float32),
            timestep=jnp.full(num_envs, self.engine.model.opt.timestep, jnp.float32),
        )

    def _motors(self, draw: Draw, true: readings.Readings) -> actuation.Scene:
        model = self.engine.model
        num_envs = true.position.shape[0]
        low, high = jnp.asarray(self._layout.ctrl_range, jnp.float32).T
        angles = actions.actuator_angles(self._layout, true.joint_angles)
        unit = jnp.broadcast_to(0.5 * (high - low), angles.shape)
        body = model.body("object").id
        masses = draw.parameters.get("body_mass", jnp.asarray(model.body_mass, jnp.float32)[None])
        return actuation.Scene(
            rest=jnp.zeros_like(angles) if self._averages else angles,
            unit=jnp.ones_like(angles) if self._averages else unit,
            angles=angles,
            object_mass=jnp.broadcast_to(masses[:, body], num_envs),
            log_rates=jnp.broadcast_to(self._log_rates, (num_envs, *self._log_rates.shape)),
            control_dt=jnp.full(num_envs, self.control_dt),
            substeps=jnp.full(num_envs, float(self.substeps)),
        )

    def _sensors(self, draw: Draw, true: readings.Readings) -> tuple[sensing.Sensed, sensing.Scene]:
        """What faultless sensors would read, and the scene that their faults depend on."""
        truth = sensing.Sensed(true.fingertips, true.position, true.orientation)
        model = self.engine.model
        first = int(np.flatnonzero(model.geom_bodyid == model.body("object").id)[0])
        size = jnp.asarray(model.geom_size, jnp.float32)
        scale = draw.parameters.get("geom_size", size[None])[:, first, 0] / size[first, 0]
        scale = jnp.broadcast_to(scale, truth.position.shape[0])
        scene = sensing.make_scene(self._surface, truth, true.links, scale, self.control_dt)
        return truth, scene

    def _simulate(
        self, draw: Draw, state: physics.State, command: actuation.Command
    ) -> tuple[physics.State, physics.StepInfo]:
        force = jnp.zeros_like(state.qfrc_applied)
        force = force.at[:, self._layout.object_qvel[:3]].set(command.force)
        parameters = draw.parameters
        if "time_step" in self._on_motors.names:
            parameters = parameters | {"timestep": command.timestep}
        given = dataclasses.replace(state, ctrl=command.targets, qfrc_applied=force)
        return self.engine.step(parameters, given, self.substeps)

    def _sense(
        self, keys: jax.Array, draw: Draw, memory: randomization.Memory, true: readings.Readings
    ) -> tuple[randomization.Memory, sensing.Sensed]:
        return self._sensing.apply(keys, _strengths(draw), memory, *self._sensors(draw, true))

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


def _strengths(draw: Draw) -> dict[str, jax.Array]:
    """How strongly each term acts, `[E]` by its name."""
    return {term.name: draw.strengths[:, i] for i, term in enumerate(randomization.TERMS)}


def _of_episode(state: EnvState) -> dict[str, Any]:
    """What of a state belongs to its environments' episodes, by field, `[E, ...]`."""
    names = [field.name for field in dataclasses.fields(state)]
    return {name: getattr(state, name) for name in names if name not in ("bank", "key")}


def _nth(keys: jax.Array, number: jax.Array) -> jax.Array:
    """Each environment's key of its own number, `[E]`."""
    return jax.vmap(jax.random.fold_in)(keys, number)


def _split(keys: jax.Array, count: int) -> jax.Array:
    """`count` keys of each environment's, `[count, E]`."""
    return jnp.moveaxis(jax.vmap(lambda key: jax.random.split(key, count))(keys), 1, 0)


def _where(mask: jax.Array, chosen, other):
    """`chosen` in the environments of `mask` `[E]`, `other` elsewhere, for trees of `[E, ...]`."""

    def select(a, b):
        return jnp.where(mask.reshape(mask.shape + (1,) * (a.ndim - 1)), a, b)

    return jax.tree.map(select, chosen, other)
