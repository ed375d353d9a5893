"""Automatic domain randomisation (OpenAI 2019, "Solving Rubik's Cube with a Robot Hand").

Each enabled term acts at a strength drawn for the episode between 0 and a limit of its own. Some
episodes play exactly at the limit of one term, others without any randomisation: while the policy
reaches nearly as many goals there as here, the limit widens, and where it reaches far fewer, it
narrows. Limits enter with the next bank, which is drawn by them. Some episodes play at full
strength, whatever the limits, to tell how far the policy is from what it is meant for.
"""

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import randomization

# Roles of episodes that play at no term's limit: strengths as drawn, all 0, all 1.
FREE, REFERENCE, FULL = -1, -2, -3
# Goals per episode without randomisation from which on limits move: nothing disturbs a policy that
# reaches no goals anyway.
_LEAST_GOALS = 1.0


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Limits:
    """Of each of `randomization.TERMS`, `[T]`.

    Attributes:
        strength: the largest strength, 1 being the term's law as configured.
        episodes: ended at that limit since the term was last judged, float32.
        goals: reached at it since then, float32.
        reference_episodes: ended without randomisation since then, float32.
        reference_goals: reached without randomisation since then, float32.
        moved: bool, the limit moved since the bank was drawn: no episode plays at it yet.
    """

    strength: jax.Array
    episodes: jax.Array
    goals: jax.Array
    reference_episodes: jax.Array
    reference_goals: jax.Array
    moved: jax.Array


def initial(config: ConfigDict, reached: Mapping[str, float] | None = None) -> Limits:
    """The limits that a run starts with.

    Args:
        config: the whole configuration.
        reached: limits that a policy has come to, by term; others start at `config.adr.initial`.
    """
    start = {term.name: config.adr.initial for term in randomization.TERMS} | dict(reached or {})
    strength = jnp.asarray([start[term.name] for term in randomization.TERMS], jnp.float32)
    strength = jnp.minimum(strength, config.adr.maximum)
    zeros = jnp.zeros_like(strength)
    return Limits(strength, zeros, zeros, zeros, zeros, jnp.zeros(strength.shape, bool))


def at_full_strength(
    role: jax.Array, reached: jax.Array, failed: jax.Array
) -> dict[str, jax.Array]:
    """What happened in one control step at full strength.

    Args:
        role: of each environment's episode, see `bank.Draw`, `[E]`.
        reached: whether it reached a goal, `[E]` bool.
        failed: whether it dropped the object or ran out of time, `[E]` bool.

    Returns:
        `full_goals` and `full_failures`, `[E]` int32, to be summed over steps and environments.
    """
    return _goals_and_failures("full", role == FULL, reached, failed)


def count(
    role: jax.Array, at_limit: jax.Array, ended: jax.Array, reached: jax.Array, failed: jax.Array
) -> dict[str, jax.Array]:
    """What `update` wants to know of one control step, and what `at_full_strength` counts.

    Goals count when they are reached, not when their episode ends: of the episodes of a new bank
    short ones end first.

    Args:
        role, reached, failed: as for `at_full_strength`.
        at_limit: whether the term that an episode tests is at today's limit, `[E]` bool.
        ended: whether the episode ended, `[E]` bool.

    Returns:
        Beside the counts at full strength `reference_goals`, `reference_failures` and
        `reference_episodes`, `[E]`, and `tested_episodes` and `tested_goals`, `[E, T]`, all int32,
        to be summed over steps and environments.
    """
    # A role of no term has a row of zeros.
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
    """Adds the sums of `count` over a roll-out; moves the limits of terms with enough episodes.

    A term's limit widens by `config.adr.step` when the goals per episode at it are at least
    `widen_share` of those without randomisation over the same iterations, and narrows when they are
    fewer than `narrow_share` of them. Both sides need `episodes` ended episodes, and start anew
    after each judgement.
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
    """The limits after a bank was drawn by them."""
    return dataclasses.replace(limits, moved=jnp.zeros_like(limits.moved))


def by_term(config: ConfigDict, limits: Limits) -> dict[str, float]:
    """The limits of the enabled terms by name, on the host; none where nothing widens."""
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
