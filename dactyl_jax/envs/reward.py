"""The reward of one control step, as a table of weighted terms (OpenAI 2018, section 4.2).

To add a term, add a line to `TERMS`. Its weight becomes `config.env.reward.<name>`, and training
logs it as `reward/<name>`.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Change(NamedTuple):
    """Change over one control step, in each environment.

    Attributes:
        distance_before: angle to the goal before the step, `[E]` rad.
        distance: angle to the same goal after the step, `[E]` rad.
        reached: whether that goal was reached, `[E]` bool.
        dropped: whether the object was dropped, `[E]` bool.
        action: unit actions of the step, `[E, 20]` in -1..1.
        last_action: unit actions of the previous step, `[E, 20]`; 0 at an episode's start.
        average: the controller's average of all actions so far, `[E, 20]`.
    """

    distance_before: jax.Array
    distance: jax.Array
    reached: jax.Array
    dropped: jax.Array
    action: jax.Array
    last_action: jax.Array
    average: jax.Array


class Term(NamedTuple):
    """One term of the reward.

    Attributes:
        name: name of its weight in `config.env.reward`.
        weight: default weight.
        value: computes the unweighted term, `[E]`, from a change; bool counts as 0 and 1.
    """

    name: str
    weight: float
    value: Callable[[Change], jax.Array]


TERMS: tuple[Term, ...] = (
    Term("distance", 1.0, lambda change: change.distance_before - change.distance),
    Term("goal", 5.0, lambda change: change.reached),
    Term("drop", -20.0, lambda change: change.dropped),
)


def rewards(weights: Mapping[str, float], change: Change) -> dict[str, jax.Array]:
    """Weighted terms whose weight is not 0, `[E]` float32 by name; the reward is their sum.

    Args:
        weights: `config.env.reward`.
        change: change over the step.
    """
    return {
        term.name: weights[term.name] * term.value(change).astype(jnp.float32)
        for term in TERMS
        if weights[term.name]
    }
