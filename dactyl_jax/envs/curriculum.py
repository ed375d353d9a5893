"""The curriculum: goals move further away, and randomisation widens, as the policy copes.

It follows counts of the roll-outs alone, never the clock, so that a resumed run stays on its path.
"""

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from dactyl_jax.envs import adr

WINDOW_MINUTES = 20.0  # environment-minutes over which the rate of goals is judged


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class CurriculumState:
    """Largest goal angle (rad), goals and environment-minutes since it was judged, all `[]`;
    limits of automatic domain randomisation."""

    goal_distance: jax.Array
    goals: jax.Array
    minutes: jax.Array
    limits: adr.Limits


def initial(
    config: ConfigDict, reached: float = 0.0, limits: Mapping[str, float] | None = None
) -> CurriculumState:
    """The start: near goals, or uniform ones (pi) where the curriculum is disabled.

    Args:
        config: the whole configuration.
        reached: largest goal angle that can be asked for already, rad.
        limits: of automatic domain randomisation, that a policy has come to, by term.
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
    """Counts an iteration's goals and environment-minutes, `[]`; widens if the rate suffices.

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
