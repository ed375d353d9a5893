"""Trials: consecutive goals that an agent reaches before a drop, a time-out or the cap."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dactyl_jax.envs import EnvState, Outcome, Reorientation
from dactyl_jax.evaluation import latency as latency_lib
from dactyl_jax.learning import Agent

CHUNK = 25  # control steps between checks whether all trials have ended
# Chunks between halvings of the number of environments: each halving compiles again.
_CHUNKS_BETWEEN_HALVINGS = 10


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Trials:
    """One row per trial, `[trials]` each.

    Attributes:
        ended: whether the trial is over.
        steps: duration in control steps, int32.
        goals: consecutive goals reached, int32.
        steps_to_last_goal: control steps up to its last goal, int32; 0 without a goal.
        dropped, timed_out, diverged: how it ended; none of them at the goal cap.
        overflow: contacts or constraints exceeded the engine's capacity in some step.
    """

    ended: jax.Array
    steps: jax.Array
    goals: jax.Array
    steps_to_last_goal: jax.Array
    dropped: jax.Array
    timed_out: jax.Array
    diverged: jax.Array
    overflow: jax.Array


def run_trials(
    env: Reorientation,
    agent: Agent,
    *,
    trials: int,
    seed: int,
    goal_distance: float,
    latency: int = 0,
    greedy: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> Trials:
    """Runs `trials` environments in parallel; the first episode of each is its trial.

    Args:
        env: the task; its configuration sets the goal time-out and the goal cap.
        agent: the agent.
        trials: number of trials.
        seed: seed of starts, goals and the agent's draws.
        goal_distance: largest angle of a new goal, rad; from pi on see `goals.draw`.
        latency: control steps by which the object's pose reaches the agent late.
        greedy: whether the agent takes its most probable actions instead of sampling.
        on_progress: called with the number of trials that have ended, every few control steps.

    Returns:
        Trials as numpy arrays; all have ended.

    Raises:
        ValueError: a latency is given, but the policy observes the true state.
    """
    start_key, act_key = jax.random.split(jax.random.key(seed))
    state = reset(env, trials, start_key, jnp.float32(goal_distance))
    rows = none_played(trials)
    carry = agent.initial_carry(trials)
    first = jnp.ones(trials, bool)
    waiting = latency_lib.none_waiting(trials, latency)
    numbers = np.arange(trials)  # indices of the ongoing trials
    results = jax.tree.map(np.array, rows)
    chunks = 0
    while True:
        act_key, key = jax.random.split(act_key)
        loop = state, carry, first, waiting, rows
        state, carry, first, waiting, rows = _advance(
            env, greedy, agent, loop, jnp.asarray(numbers), key
        )
        for result, now in zip(jax.tree.leaves(results), jax.tree.leaves(rows), strict=True):
            result[numbers] = now
        if on_progress is not None:
            on_progress(int(results.ended.sum()))
        if results.ended.all():
            return results
        chunks += 1
        half = -(-len(numbers) // 2)
        if chunks >= _CHUNKS_BETWEEN_HALVINGS and _halving_pays(results.ended[numbers], half):
            kept = np.argsort(results.ended[numbers], kind="stable")[:half]
            state = env.take(state, kept)
            going_on = carry, first, waiting, rows, numbers
            carry, first, waiting, rows, numbers = _rows(going_on, kept)
            chunks = 0


def _rows(tree: Any, index: np.ndarray) -> Any:
    return jax.tree.map(lambda x: x[index], tree)


def _halving_pays(ended: np.ndarray, half: int) -> bool:
    """Whether half of the environments hold all ongoing trials, on a device where that is faster.
    It is on a CPU; an accelerator steps hundreds of environments in the time of one."""
    going_on = len(ended) - int(ended.sum())
    return going_on <= half < len(ended) and jax.default_backend() == "cpu"


@functools.partial(jax.jit, static_argnums=(0, 1))
def reset(env: Reorientation, trials: int, key: jax.Array, goal_distance: jax.Array) -> EnvState:
    """The environments at the start of their trials."""
    return env.reset(key, trials, goal_distance)


def none_played(trials: int) -> Trials:
    """The rows at the start of the trials."""
    zeros = jnp.zeros(trials, jnp.int32)
    no = jnp.zeros(trials, bool)
    return Trials(no, zeros, zeros, zeros, no, no, no, no)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _advance(env, greedy, agent, loop, numbers, key):
    """Runs the control steps of one chunk; `env` is static, so later calls reuse the code."""

    def step(loop, key):
        state, carry, first, waiting, rows = loop
        told, waiting = latency_lib.delay(env, state, waiting, first)
        # An agent's draws depend only on the trial, not on the other ongoing trials.
        keys = None if greedy else jax.vmap(jax.random.fold_in, (None, 0))(key, numbers)
        action, carry = agent.act(told.observation.policy, carry, first, keys)
        state, outcome = env.step(state, action)
        return (state, carry, outcome.done, waiting, count(rows, outcome)), None

    return jax.lax.scan(step, loop, jax.random.split(key, CHUNK))[0]


def count(rows: Trials, outcome: Outcome) -> Trials:
    """Adds a control step to the ongoing trials."""
    going_on = ~rows.ended
    steps = rows.steps + going_on
    reached = going_on & outcome.goal_reached
    return Trials(
        ended=rows.ended | outcome.done,
        steps=steps,
        goals=jnp.where(going_on, outcome.goals, rows.goals),
        steps_to_last_goal=jnp.where(reached, steps, rows.steps_to_last_goal),
        dropped=rows.dropped | (going_on & outcome.dropped),
        timed_out=rows.timed_out | (going_on & outcome.timed_out),
        diverged=rows.diverged | (going_on & outcome.diverged),
        overflow=rows.overflow | (going_on & outcome.overflow),
    )
