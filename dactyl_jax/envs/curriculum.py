"""The goal-distance curriculum: goals move further away whenever enough of them are reached.

It follows counts of the roll-outs alone, never the clock, so that a resumed run stays on its path.
"""

import dataclasses

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

WINDOW_MINUTES = 20.0  # environment-minutes over which the rate of goals is judged


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class CurriculumState:
    """Largest goal angle (rad), goals and environment-minutes since it was judged, all `[]`."""

    goal_distance: jax.Array
    goals: jax.Array
    minutes: jax.Array


def initial(config: ConfigDict) -> CurriculumState:
    """The start: near goals, or uniform ones (pi) where the curriculum is disabled."""
    distance = config.curriculum.initial_distance if config.curriculum.enabled else jnp.pi
    distance = min(distance, jnp.pi)
    return CurriculumState(jnp.float32(distance), jnp.float32(0.0), jnp.float32(0.0))


def update(
    config: ConfigDict, state: CurriculumState, goals: jax.Array, minutes: jax.Array
) -> CurriculumState:
    """Counts an iteration's goals and environment-minutes, `[]`; widens if the rate suffices."""
    goals, minutes = state.goals + goals, state.minutes + minutes
    judged = minutes >= WINDOW_MINUTES
    passed = judged & (goals >= config.curriculum.goals_per_minute * minutes)
    wider = jnp.minimum(state.goal_distance * config.curriculum.growth, jnp.pi)
    return CurriculumState(
        goal_distance=jnp.where(passed, wider, state.goal_distance),
        goals=jnp.where(judged, 0.0, goals),
        minutes=jnp.where(judged, 0.0, minutes),
    )
