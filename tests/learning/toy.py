"""A toy task for learning tests: press the bin that a cue shows, or showed some steps ago."""

import dataclasses

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from dactyl_jax import config as configuration

CUE_BINS = 3


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Observation:
    policy: jax.Array
    value: jax.Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class EnvState:
    observation: Observation
    key: jax.Array
    cue: jax.Array
    time: jax.Array
    length: jax.Array
    goals: jax.Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Outcome:
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


@dataclasses.dataclass(frozen=True)
class Recall:
    """The cue shows at the first step only (`memory`) or always; its bin gives reward 1 per step.

    The value function observes what the policy observes, or always the cue (`informed`).
    Episodes last `shortest` to `longest` steps; those of even length end by a time-out.
    """

    memory: bool = True
    informed: bool = False
    shortest: int = 3
    longest: int = 6
    num_actuators: int = 2
    num_bins: int = CUE_BINS
    policy_size: int = CUE_BINS + 1
    value_size: int = CUE_BINS + 2
    control_dt: float = 0.5

    def reset(self, key, num_envs, goal_distance):
        keys = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(num_envs))
        return jax.vmap(self._start)(keys)

    def with_goal_distance(self, state, goal_distance):
        return state

    def partition(self, each, shared):
        return each

    def step(self, state, action):
        def step(state, action):
            right = jnp.all(action == state.cue)
            time = state.time + 1
            goals = state.goals + right
            done = time >= state.length
            after = self._observe(state.cue, time)
            truncated = done & (state.length % 2 == 0)
            going = dataclasses.replace(state, observation=after, time=time, goals=goals)
            fresh = self._start(jax.random.fold_in(state.key, time))
            following = jax.tree.map(lambda new, old: jnp.where(done, new, old), fresh, going)
            return following, Outcome(
                reward=right.astype(jnp.float32),
                rewards={"right": right.astype(jnp.float32)},
                done=done,
                truncated=truncated,
                terminal_observation=after,
                goal_reached=right,
                dropped=done & ~truncated,
                timed_out=truncated,
                diverged=jnp.zeros_like(done),
                overflow=jnp.zeros_like(done),
                goals=goals,
                counters={
                    "right_and_left": jnp.stack([right, ~right]).astype(jnp.int32),
                    "full_goals": right.astype(jnp.int32),
                },
            )

        return jax.vmap(step)(state, action)

    def _start(self, key):
        key, cue_key, length_key = jax.random.split(key, 3)
        cue = jax.random.randint(cue_key, (), 0, CUE_BINS)
        length = jax.random.randint(length_key, (), self.shortest, self.longest + 1)
        zero = jnp.zeros((), jnp.int32)
        return EnvState(self._observe(cue, zero), key, cue, zero, length, zero)

    def _observe(self, cue, time):
        shown = (time == 0) | (not self.memory)
        policy = jnp.append(jnp.where(shown, jax.nn.one_hot(cue, CUE_BINS), 0.0), 0.1 * time)
        value = policy.at[:CUE_BINS].set(jax.nn.one_hot(cue, CUE_BINS)) if self.informed else policy
        return Observation(policy, jnp.append(value, 1.0))


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Curriculum:
    goal_distance: jax.Array


def initial_curriculum() -> Curriculum:
    return Curriculum(jnp.float32(0.9))


def update_curriculum(curriculum, events) -> Curriculum:
    return Curriculum(curriculum.goal_distance + 1e-3 * events.goals)


def config(**ppo) -> ConfigDict:
    """Returns a configuration sized for this task."""
    config = configuration.default()
    config.num_envs = 64
    config.network.update({"memory": True, "dense": (32,), "lstm": 16, "activation": "tanh"})
    config.ppo.update({"horizon": 16, "chunk": 8, "minibatches": 4, "passes": 4})
    config.ppo.update({"learning_rate": 5e-3, "schedule": "fixed", "discount": 0.9})
    config.ppo.update(ppo)
    return config
