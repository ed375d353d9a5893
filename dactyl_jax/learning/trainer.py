"""Training: one compiled function advances the complete state by one iteration.

It runs on all devices at once. Each simulates and learns from its share of the environments.
Gradients and statistics are averaged, so all devices hold the same networks.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from ml_collections import ConfigDict

from dactyl_jax import devices
from dactyl_jax.errors import UserError
from dactyl_jax.learning import ppo
from dactyl_jax.learning.agent import PolicyAgent
from dactyl_jax.learning.environment import Environment
from dactyl_jax.learning.networks import make_networks
from dactyl_jax.learning.rollout import Actors, Events, initial_actors, rollout


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
    """Everything that a run needs to continue bit for bit.

    Attributes:
        learner: parameters, optimiser, statistics, learning rate.
        actors: environments and the networks' memories.
        curriculum: state of the curriculum; its `goal_distance` `[]` is in rad.
        key: typed key of the run's draws; never changes, see `Trainer.iteration`.
        iteration: completed iterations, int32 `[]`; determines the control steps, see
            `Trainer.steps`.
    """

    learner: ppo.Learner
    actors: Actors
    curriculum: Any
    key: jax.Array
    iteration: jax.Array


class Trainer:
    """Learns a task by PPO, optionally after imitating a teacher.

    Attributes:
        config: the complete configuration.
        env: the environments.
        networks: designs of policy and value network.
        teacher: policy to imitate for `config.imitation.iterations`, if any.
        mesh: the devices.
        steps_before: control steps for which other runs trained the networks.
    """

    def __init__(
        self,
        config: ConfigDict,
        env: Environment,
        initial_curriculum: Any,
        update_curriculum: Callable[[Any, Events], Any],
        teacher: PolicyAgent | None = None,
        mesh: Mesh | None = None,
        steps_before: int = 0,
    ):
        """Prepares training; compiles nothing yet.

        Args:
            config: the complete configuration.
            env: the environments.
            initial_curriculum: a pytree with a field `goal_distance`, `[]` in rad.
            update_curriculum: computes the curriculum's next state from the current one and a
                roll-out's counts.
            teacher: observes what the value function observes and acts like the policy.
            mesh: the devices; all devices of all processes by default.
            steps_before: control steps for which other runs trained the networks.

        Raises:
            ValueError: the horizon is not a whole number of chunks, the teacher does not fit, or
                the environments do not divide equally over the devices.
        """
        if config.ppo.horizon % config.ppo.chunk:
            raise UserError(
                f"config.ppo.horizon is {config.ppo.horizon}; "
                f"it must be a multiple of config.ppo.chunk ({config.ppo.chunk})."
            )
        if teacher is not None and teacher.network.inputs != env.value_size:
            raise UserError(
                f"The teacher sees {teacher.network.inputs} numbers, the value function "
                f"{env.value_size}; train it with config.env.policy_observation=state and this "
                "run's config.env.value_observation."
            )
        self.config = config
        self.env = env
        self.teacher = teacher
        self.steps_before = steps_before
        self.networks = make_networks(config, env)
        self._initial_curriculum = initial_curriculum
        self._update_curriculum = update_curriculum
        self.mesh = mesh or devices.make_mesh(config.num_envs)
        each: Any = devices.EACH
        shared: Any = devices.SHARED
        self._partition = TrainState(
            learner=shared,
            actors=Actors(env.partition(each, shared), each, each, each, each),
            curriculum=shared,
            key=shared,
            iteration=shared,
        )
        self._initial_state = jax.jit(self._make_initial_state)
        self._iteration = jax.jit(
            self._run_iteration,
            donate_argnums=0,
            out_shardings=devices.shardings(self.mesh, (self._partition, shared)),
        )

    def initial_state(self) -> TrainState:
        """Initial state of a run; depends only on `config.seed`."""
        return self.place(self._initial_state(jax.random.key(self.config.seed)))

    def state_shape(self) -> TrainState:
        """Shapes and types of a state, without computing one."""
        return jax.eval_shape(self._make_initial_state, jax.random.key(0))

    def place(self, state: TrainState) -> TrainState:
        """Distributes a state, which every process holds in full, over the devices."""
        return devices.place(state, devices.shardings(self.mesh, self._partition))

    def iteration(self, state: TrainState) -> tuple[TrainState, ppo.Metrics]:
        """Roll-out, learning, metrics and curriculum, in one call of one compiled function.

        Args:
            state: donated; its buffers are reused.

        Returns:
            The next state, and the metrics of `ppo.update` and of the roll-out, all `[]`.
        """
        imitating = self.teacher and int(state.iteration) < self.config.imitation.iterations
        return self._iteration(state, self.teacher if imitating else None)

    def steps(self, state: TrainState) -> int:
        """Control steps so far, over all environments, including earlier runs.

        A Python integer, which cannot overflow.
        """
        own = int(state.iteration) * self.config.ppo.horizon * self.config.num_envs
        return self.steps_before + own

    def _make_initial_state(self, seed_key: jax.Array) -> TrainState:
        key, env_key, learner_key = jax.random.split(seed_key, 3)
        num_envs, curriculum = self.config.num_envs, self._initial_curriculum
        env_state = self.env.reset(env_key, num_envs, curriculum.goal_distance)
        state = TrainState(
            learner=ppo.initial_learner(self.config, self.networks, learner_key),
            actors=initial_actors(self.networks, env_state, num_envs, self.teacher),
            curriculum=curriculum,
            key=key,
            iteration=jnp.int32(0),
        )
        # A weak type would become strong in the first iteration and force a second compilation.
        return jax.tree.map(lambda x: jax.lax.convert_element_type(x, x.dtype), state)

    def _run_iteration(
        self, state: TrainState, teacher: PolicyAgent | None
    ) -> tuple[TrainState, ppo.Metrics]:
        config = self.config
        # Draws depend on the run's key, the iteration, and for actions the environment's index.
        rollout_key, update_key = jax.random.split(jax.random.fold_in(state.key, state.iteration))
        env_keys = jax.vmap(jax.random.fold_in, (None, 0))(rollout_key, jnp.arange(config.num_envs))
        each, shared = devices.EACH, devices.SHARED
        on_each_device = devices.spread(
            self.mesh,
            self._run_share,
            given=(self._partition, each, shared, shared),
            returned=(self._partition, shared),
        )
        return on_each_device(state, env_keys, update_key, teacher)

    def _run_share(
        self,
        state: TrainState,
        env_keys: jax.Array,
        update_key: jax.Array,
        teacher: PolicyAgent | None,
    ) -> tuple[TrainState, ppo.Metrics]:
        """One iteration on one device of the mesh, with its share of the environments."""
        config = self.config
        env_state = self.env.with_goal_distance(
            state.actors.env_state, state.curriculum.goal_distance
        )
        actors, trajectory, events = rollout(
            self.env,
            self.networks,
            state.learner.parameters,
            state.learner.normalizers,
            dataclasses.replace(state.actors, env_state=env_state),
            env_keys,
            config.ppo.horizon // config.ppo.chunk,
            config.ppo.chunk,
            teacher,
        )
        learner, metrics = ppo.update(config, self.networks, state.learner, trajectory, update_key)
        curriculum = self._update_curriculum(state.curriculum, events)
        next_state = TrainState(learner, actors, curriculum, state.key, state.iteration + 1)
        return next_state, metrics | _summary(events) | {
            "goal_distance": state.curriculum.goal_distance
        }


def _summary(events: Events) -> ppo.Metrics:
    """Metrics of a roll-out: counts, the environment's scalar counters, reward terms, and rates per
    environment-minute."""
    counts = {field.name: getattr(events, field.name) for field in dataclasses.fields(events)}
    own = {name: value for name, value in counts.pop("counters").items() if not value.ndim}
    own |= {f"reward/{name}": value for name, value in counts.pop("rewards").items()}
    return (
        counts
        | own
        | {
            "goals_per_minute": events.goals / events.minutes,
            "drops_per_minute": events.drops / events.minutes,
            "goals_per_episode": events.episode_goals / jnp.maximum(events.episodes, 1),
        }
    )
