"""Roll-out: runs the policy in all environments and records the result."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from dactyl_jax import devices
from dactyl_jax.learning import categorical, normalization
from dactyl_jax.learning.agent import PolicyAgent
from dactyl_jax.learning.environment import Environment
from dactyl_jax.learning.networks import ActorCritic, Carry, Parameters


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Actors:
    """State of the environments and memories between two control steps.

    Attributes:
        env_state: state of the environments.
        first: bool `[env]`; the next observation is the first of an episode.
        policy_carry: the policy's memory, `[env, lstm]` each.
        value_carry: the value network's memory, `[env, lstm]` each.
        teacher_carry: the teacher's memory, `[env, lstm]` each; () without a teacher.
    """

    env_state: Any
    first: jax.Array
    policy_carry: Carry
    value_carry: Carry
    teacher_carry: Carry


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Trajectory:
    """A roll-out, `[chunk, step, env, ...]`; time runs over the steps of a chunk, then over the
    chunks.

    Attributes:
        policy_observation, value_observation: raw observations before the action.
        first: the observation is the first of an episode.
        action: bin numbers, int8 `[..., actuator]`.
        log_probability: log-probability of the action when it was drawn.
        value: prediction for the observation, in units of the scaled reward.
        next_value: prediction for what followed, see `advantages`.
        reward: raw.
        done: an episode ended with the step.
        policy_carry, value_carry: memories at the start of each chunk, `[chunk, env, lstm]` each.
        advice: a teacher's log-probabilities of each bin, `[..., bin, actuator]`; None without a
            teacher.
    """

    policy_observation: jax.Array
    value_observation: jax.Array
    first: jax.Array
    action: jax.Array
    log_probability: jax.Array
    value: jax.Array
    next_value: jax.Array
    reward: jax.Array
    done: jax.Array
    policy_carry: Carry
    value_carry: Carry
    advice: jax.Array | None


def initial_actors(
    networks: ActorCritic, env_state: Any, num_envs: int, teacher: PolicyAgent | None = None
) -> Actors:
    """All environments at the start of an episode, with empty memory."""
    return Actors(
        env_state=env_state,
        first=jnp.ones(num_envs, bool),
        policy_carry=networks.policy.initial_carry(num_envs),
        value_carry=networks.value.initial_carry(num_envs),
        teacher_carry=teacher.initial_carry(num_envs) if teacher else (),
    )


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Events:
    """Counts over the steps and environments of a roll-out; int32 `[]` unless noted.

    Attributes:
        goals: goals reached.
        drops: objects dropped.
        time_outs: episodes truncated because a goal took too long.
        diverged: environments reset because their physics diverged.
        overflow: steps in which an engine exceeded its capacity for contacts or constraints.
        episodes: episodes that ended.
        episode_goals: sum of the consecutive goals of those episodes.
        reward: raw reward per step, mean, float32.
        rewards: reward terms per step by name, mean, float32.
        minutes: simulated time of all environments together, in minutes, float32.
        counters: the environment's counters, `[...]` each.
    """

    goals: jax.Array
    drops: jax.Array
    time_outs: jax.Array
    diverged: jax.Array
    overflow: jax.Array
    episodes: jax.Array
    episode_goals: jax.Array
    reward: jax.Array
    rewards: dict[str, jax.Array]
    minutes: jax.Array
    counters: dict[str, jax.Array]


def rollout(
    env: Environment,
    networks: ActorCritic,
    parameters: Parameters,
    normalizers: normalization.Normalizers,
    actors: Actors,
    keys: jax.Array,
    num_chunks: int,
    chunk: int,
    teacher: PolicyAgent | None = None,
) -> tuple[Actors, Trajectory, Events]:
    """Runs the policy for `num_chunks * chunk` control steps; on a mesh, for this device's share.

    Args:
        env: the environments.
        networks: designs of the networks.
        parameters: parameters of both networks.
        normalizers: constant during the roll-out; `ppo.update` must use the same ones afterwards.
        actors: the environments and memories before the roll-out.
        keys: `[env]`; an environment's actions depend only on its key.
        num_chunks: number of chunks.
        chunk: steps per chunk.
        teacher: a policy that observes what the value function observes. It only gives advice; the
            policy acts.

    Returns:
        The environments and memories afterwards, the record, and the counts (of all devices).
    """

    def evaluate(observation, first, carry):
        output, carry = networks.value.apply(
            parameters["value"],
            normalizers.value_observation,
            observation[None],
            first[None],
            carry,
        )
        return normalization.denormalize(normalizers.value_target, output[0, :, 0]), carry

    def step(actors: Actors, time: jax.Array):
        observation = actors.env_state.observation
        value, value_carry = evaluate(observation.value, actors.first, actors.value_carry)
        output, policy_carry = networks.policy.apply(
            parameters["policy"],
            normalizers.policy_observation,
            observation.policy[None],
            actors.first[None],
            actors.policy_carry,
        )
        logits = categorical.split(output[0], networks.num_bins)
        action = categorical.sample(jax.vmap(jax.random.fold_in, (0, None))(keys, time), logits)
        env_state, outcome = env.step(actors.env_state, action)

        # If no episode ended, this is the next observation, so one evaluation serves both cases.
        following, _ = evaluate(
            outcome.terminal_observation.value, jnp.zeros_like(outcome.done), value_carry
        )
        log_probabilities = categorical.log_probabilities(logits)
        record = {
            "policy_observation": observation.policy,
            "value_observation": observation.value,
            "first": actors.first,
            "action": action.astype(jnp.int8),
            "log_probability": categorical.log_probability(log_probabilities, action),
            "value": value,
            "next_value": jnp.where(outcome.done & ~outcome.truncated, 0.0, following),
            "reward": outcome.reward,
            "done": outcome.done,
            "advice": None,
        }
        teacher_carry = actors.teacher_carry
        if teacher is not None:
            advice, teacher_carry = teacher.logits(observation.value, teacher_carry, actors.first)
            record["advice"] = categorical.log_probabilities(advice)
        counts = {
            "goals": outcome.goal_reached,
            "drops": outcome.dropped,
            "time_outs": outcome.timed_out,
            "diverged": outcome.diverged,
            "overflow": outcome.overflow,
            "episodes": outcome.done,
            "episode_goals": jnp.where(outcome.done, outcome.goals, 0),
            "counters": outcome.counters,
        }
        counts = jax.tree.map(lambda x: jnp.sum(x, axis=0, dtype=jnp.int32), counts)
        rewards = jax.tree.map(jnp.mean, outcome.rewards)
        carries = (policy_carry, value_carry, teacher_carry)
        return Actors(env_state, outcome.done, *carries), (record, counts, rewards)

    def run_chunk(actors: Actors, times: jax.Array):
        start = {"policy_carry": actors.policy_carry, "value_carry": actors.value_carry}
        actors, (record, *events) = jax.lax.scan(step, actors, times)
        return actors, (record | start, *events)

    times = jnp.arange(num_chunks * chunk).reshape(num_chunks, chunk)
    actors, (record, counts, rewards) = jax.lax.scan(run_chunk, actors, times)
    events = Events(
        **devices.total(jax.tree.map(lambda x: jnp.sum(x, axis=(0, 1)), counts)),
        reward=devices.mean(record["reward"]),
        rewards={name: devices.mean(value) for name, value in rewards.items()},
        minutes=jnp.float32(devices.count() * record["reward"].size * env.control_dt / 60.0),
    )
    return actors, Trajectory(**record), events
