"""Automatic domain randomisation (OpenAI 2019, "Solving Rubik's Cube with a Robot Hand").

Each enabled term acts at a strength drawn per episode between 0 and the term's limit. Some
episodes run exactly at the limit of one term. Reference episodes run without any randomisation. A
limit widens while the policy reaches nearly as many goals at the limit as in reference episodes,
and narrows when it reaches far fewer. New limits take effect when the next bank is drawn. Some
episodes run at full strength regardless of the limits, to measure how the policy does on the full
task.
"""

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import randomization

# Roles of episodes that test no term's limit: strengths as drawn, all 0, all 1.
FREE, REFERENCE, FULL = -1, -2, -3
# Goals per reference episode below which limits do not move: nothing disturbs a policy that
# reaches no goals anyway.
_LEAST_GOALS = 1.0


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits and counts of each of `randomization.TERMS`, `[T]`.

    Attributes:
        strength: largest strength; 1 is the configured law.
        episodes: episodes that ended at the limit since the last decision on the term, float32.
        goals: goals reached at the limit since then, float32.
        reference_episodes: reference episodes that ended since then, float32.
        reference_goals: goals reached in reference episodes since then, float32.
        moved: bool, whether the limit has moved since the bank was drawn. No episode runs at the
            new limit yet.
    """

    strength: jax.Array
    episodes: jax.Array
    goals: jax.Array
    reference_episodes: jax.Array
    reference_goals: jax.Array
    moved: jax.Array


def initial(config: ConfigDict, reached: Mapping[str, float] | None = None) -> Limits:
    """Limits at the start of a run.

    Args:
        config: the complete configuration.
        reached: limits that a policy has already reached, by term; all others start at
            `config.adr.initial`.
    """
    start = {term.name: config.adr.initial for term in randomization.TERMS} | dict(reached or {})
    strength = jnp.asarray([start[term.name] for term in randomization.TERMS], jnp.float32)
    strength = jnp.minimum(strength, config.adr.maximum)
    zeros = jnp.zeros_like(strength)
    return Limits(strength, zeros, zeros, zeros, zeros, jnp.zeros(strength.shape, bool))


def at_full_strength(
    role: jax.Array, reached: jax.Array, failed: jax.Array
) -> dict[str, jax.Array]:
    """Counts goals and failures of one control step at full strength.

    Args:
        role: role of each environment's episode, see `bank.Draw`, `[E]`.
        reached: whether it reached a goal, `[E]` bool.
        failed: whether it dropped the object or timed out, `[E]` bool.

    Returns:
        `full_goals` and `full_failures`, `[E]` int32, to be summed over steps and environments.
    """
    return _goals_and_failures("full", role == FULL, reached, failed)


def count(
    role: jax.Array, at_limit: jax.Array, ended: jax.Array, reached: jax.Array, failed: jax.Array
) -> dict[str, jax.Array]:
    """Counts what `update` needs from one control step, and what `at_full_strength` counts.

    Goals count when they are reached, not when their episode ends, because the first episodes to
    end in a new bank are short ones.

    Args:
        role, reached, failed: as for `at_full_strength`.
        at_limit: whether the term that an episode tests is at its current limit, `[E]` bool.
        ended: whether the episode ended, `[E]` bool.

    Returns:
        The counts at full strength; `reference_goals`, `reference_failures` and
        `reference_episodes`, `[E]`; `tested_episodes` and `tested_goals`, `[E, T]`. All are int32,
        to be summed over steps and environments.
    """
    # Episodes that test no term get a row of zeros.
    tested = jax.nn.one_hot(role, len(randomization.TERMS), dtype=jnp.int32) * at_limit[:, None]
    reference = role == REFERENCE
    return (
        at_full_strength(role, reached, failed)
        | _goals_and_failures("reference", reference, reached, failed)
        | {
            "reference_episodes": (reference & ended).astype(jnp.int32),
            "tested_episodes": tested * ended[:, None],
            "tested_goals": tested * reached[:, None],
        }
    )


def update(config: ConfigDict, limits: Limits, counts: dict[str, jax.Array]) -> Limits:
    """Adds a roll-out's sums of `count`; moves the limits of terms with enough episodes.

    Goals per episode at a term's limit are compared with goals per reference episode over the same
    iterations. The limit widens by `config.adr.step` when the ratio is at least `widen_share`, and
    narrows when it is below `narrow_share`. Both sides need `episodes` ended episodes. The counts
    restart from zero after each decision.
    """
    adr = config.adr

    def added(before: jax.Array, name: str) -> jax.Array:
        return jnp.where(limits.moved, 0.0, before + counts[name])

    episodes = added(limits.episodes, "tested_episodes")
    goals = added(limits.goals, "tested_goals")
    reference_episodes = added(limits.reference_episodes, "reference_episodes")
    reference_goals = added(limits.reference_goals, "reference_goals")
    mean = goals / jnp.maximum(episodes, 1.0)
    reference = reference_goals / jnp.maximum(reference_episodes, 1.0)
    judged = (episodes >= adr.episodes) & (reference_episodes >= adr.episodes)
    narrower = jnp.where(mean < adr.narrow_share * reference, -1.0, 0.0)
    direction = jnp.where(mean >= adr.widen_share * reference, 1.0, narrower)
    moved = jnp.clip(limits.strength + adr.step * direction, 0.0, adr.maximum)
    strength = jnp.where(judged & (reference >= _LEAST_GOALS), moved, limits.strength)
    return Limits(
        strength=strength,
        episodes=jnp.where(judged, 0.0, episodes),
        goals=jnp.where(judged, 0.0, goals),
        reference_episodes=jnp.where(judged, 0.0, reference_episodes),
        reference_goals=jnp.where(judged, 0.0, reference_goals),
        moved=limits.moved | (strength != limits.strength),
    )


def redrawn(limits: Limits) -> Limits:
    """The limits after a bank has been drawn with them."""
    return dataclasses.replace(limits, moved=jnp.zeros_like(limits.moved))


def by_term(config: ConfigDict, limits: Limits) -> dict[str, float]:
    """Limits of the enabled terms by name, on the host; empty if `config.adr` is disabled."""
    if not config.adr.enabled:
        return {}
    return {
        term.name: float(strength)
        for term, strength in zip(randomization.TERMS, np.asarray(limits.strength), strict=True)
        if term.enabled(config)
    }


def _goals_and_failures(
    name: str, plays: jax.Array, reached: jax.Array, failed: jax.Array
) -> dict[str, jax.Array]:
    return {
        f"{name}_goals": (plays & reached).astype(jnp.int32),
        f"{name}_failures": (plays & failed).astype(jnp.int32),
    }
