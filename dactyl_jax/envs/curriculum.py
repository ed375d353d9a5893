"""The curriculum: moves goals further away and widens randomisation as the policy improves.

It depends only on counts from roll-outs, never on the clock, so a resumed run follows the same
path.
"""

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from dactyl_jax.envs import adr

WINDOW_MINUTES = 20.0  # environment-minutes over which the goal rate is measured


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class CurriculumState:
    """Largest goal angle (rad), goals and environment-minutes since the last decision, all `[]`;
    limits of automatic domain randomisation."""

    goal_distance: jax.Array
    goals: jax.Array
    minutes: jax.Array
    limits: adr.Limits


def initial(
    config: ConfigDict, reached: float = 0.0, limits: Mapping[str, float] | None = None
) -> CurriculumState:
    """Initial state: near goals, or uniform ones (pi) if the curriculum is disabled.

    Args:
        config: the complete configuration.
        reached: largest goal angle that the policy has already reached, rad.
        limits: limits of automatic domain randomisation that a policy has reached, by term.
    """
    distance = config.curriculum.initial_distance if config.curriculum.enabled else jnp.pi
    distance = min(max(distance, reached), jnp.pi)
    return CurriculumState(
        jnp.float32(distance), jnp.float32(0.0), jnp.float32(0.0), adr.initial(config, limits)
    )


def update(
    config: ConfigDict,
    state: CurriculumState,
    goals: jax.Array,
    minutes: jax.Array,
    counters: dict[str, jax.Array],
) -> CurriculumState:
    """Adds an iteration's goals and environment-minutes, `[]`; widens if the goal rate suffices.

    `counters` are the sums of `Outcome.counters`, see `adr.update`.
    """
    goals, minutes = state.goals + goals, state.minutes + minutes
    judged = minutes >= WINDOW_MINUTES
    passed = judged & (goals >= config.curriculum.goals_per_minute * minutes)
    wider = jnp.minimum(state.goal_distance * config.curriculum.growth, jnp.pi)
    return CurriculumState(
        goal_distance=jnp.where(passed, wider, state.goal_distance),
        goals=jnp.where(judged, 0.0, goals),
        minutes=jnp.where(judged, 0.0, minutes),
        limits=adr.update(config, state.limits, counters) if config.adr.enabled else state.limits,
    )
