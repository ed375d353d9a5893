"""Automatic domain randomisation (OpenAI 2019, "Solving Rubik's Cube with a Robot Hand").

Each enabled term acts at a strength drawn for the episode between 0 and a limit of its own. Some
episodes play exactly at the limit of one term; while goals are still reached there, the limit
widens, and where they are not, it narrows. Limits enter with the next bank, which is drawn by them.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import randomization


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Limits:
    """Of each of `randomization.TERMS`, `[T]`.

    Attributes:
        strength: the largest strength, 1 being the term's law as configured.
        episodes: ended at that limit since the term was last judged, float32.
        goals: reached in them, float32.
        moved: bool, the limit moved since the bank was drawn: no episode plays at it yet.
    """

    strength: jax.Array
    episodes: jax.Array
    goals: jax.Array
    moved: jax.Array


def initial(config: ConfigDict) -> Limits:
    """The limits that a run starts with."""
    count = len(randomization.TERMS)
    zeros = jnp.zeros(count, jnp.float32)
    return Limits(zeros + config.adr.initial, zeros, zeros, jnp.zeros(count, bool))


def count(tested: jax.Array, ended: jax.Array, goals: jax.Array) -> dict[str, jax.Array]:
    """What `update` wants to know of one control step.

    Args:
        tested: number of the term at whose limit each environment plays, `[E]`; -1: of none.
        ended: whether its episode ended, `[E]` bool.
        goals: reached in the episode, `[E]`.

    Returns:
        `tested_episodes` and `tested_goals`, `[E, T]` int32, to be summed over steps and
        environments.
    """
    hits = jax.nn.one_hot(tested, len(randomization.TERMS), dtype=jnp.int32) * ended[:, None]
    return {"tested_episodes": hits, "tested_goals": hits * goals[:, None]}


def update(config: ConfigDict, limits: Limits, counts: dict[str, jax.Array]) -> Limits:
    """Adds counts `[T]` of a roll-out; moves the limits of terms with enough episodes."""
    adr = config.adr
    episodes = jnp.where(limits.moved, 0.0, limits.episodes + counts["tested_episodes"])
    goals = jnp.where(limits.moved, 0.0, limits.goals + counts["tested_goals"])
    judged = episodes >= adr.episodes
    mean = goals / jnp.maximum(episodes, 1.0)
    direction = jnp.where(mean >= adr.widen_goals, 1.0, jnp.where(mean < adr.narrow_goals, -1.0, 0))
    strength = jnp.clip(limits.strength + adr.step * direction, 0.0, adr.maximum)
    strength = jnp.where(judged, strength, limits.strength)
    return Limits(
        strength=strength,
        episodes=jnp.where(judged, 0.0, episodes),
        goals=jnp.where(judged, 0.0, goals),
        moved=limits.moved | (strength != limits.strength),
    )


def redrawn(limits: Limits) -> Limits:
    """The limits after a bank was drawn by them."""
    return dataclasses.replace(limits, moved=jnp.zeros_like(limits.moved))


def report(config: ConfigDict, limits: Limits) -> dict[str, float]:
    """`{"limit_<term>": strength}` of the enabled terms, on the host."""
    strengths = np.asarray(limits.strength)
    return {
        f"limit_{term.name}": float(strength)
        for term, strength in zip(randomization.TERMS, strengths, strict=True)
        if term.enabled(config)
    }
