"""Hidden state: the episode's draws, the terms' memory, and what the motors received.

Without it the world is not Markov, even with perfect readings. The value function and a teacher
may observe all of it (`config.env.value_observation=privileged`); a policy never does. Memory is
flattened array by array, so a new term needs no change here.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import randomization
from dactyl_jax.envs.actions import Average
from dactyl_jax.envs.state import Episode


class Hidden(NamedTuple):
    """Hidden state of each environment.

    Attributes:
        drawn: values drawn by the physics terms, `[E, D]`.
        strengths: strengths of the enabled terms, in the order of `randomization.TERMS`, `[E, T]`.
        actuation, sensing: memory of the actuation and sensing terms, by name, `[E, ...]`.
        noisy_average: average of the actions with their errors; None in runs that smooth targets.
        motor_targets: targets that the motors received in the last control step, `[E, 20]` rad.
        force: force on the object in that step, world frame, `[E, 3]` N.
    """

    drawn: jax.Array
    strengths: jax.Array
    actuation: randomization.Memory
    sensing: randomization.Memory
    noisy_average: Average | None
    motor_targets: jax.Array
    force: jax.Array


class Part(NamedTuple):
    """Adjacent numbers in the observation of the hidden state.

    Attributes:
        name: identifier: a field, or a term and a field of its memory, joined by dots.
        label: description for people.
        size: number of values.
        unit: unit of the values.
    """

    name: str
    label: str
    size: int
    unit: str


# Labels and units of everything but memory, whose units the terms define.
_FIELDS = {
    "drawn": ("what the physics terms drew", "as drawn"),
    "strengths": ("strengths of the enabled terms", "1"),
    "noisy_average.value": ("average of the actions with their errors", "1"),
    "noisy_average.weight": ("weight of all actions in that average", "1"),
    "motor_targets": ("targets that the motors received", "rad"),
    "force": ("force on the object x, y, z, world frame", "N"),
}
_MEMORY = ("actuation", "sensing")


def of(config: ConfigDict, episode: Episode) -> Hidden:
    """Hidden state of environments that run `episode`, under a complete configuration."""
    enabled = np.flatnonzero([term.enabled(config) for term in randomization.TERMS])
    return Hidden(
        drawn=episode.draw.numbers,
        strengths=episode.draw.strengths[:, enabled],
        actuation=episode.actuation,
        sensing=episode.sensing,
        noisy_average=episode.noisy_average if config.env.smoothed == "action" else None,
        motor_targets=episode.command.targets,
        force=episode.command.force,
    )


def parts(hidden: Hidden) -> tuple[Part, ...]:
    """Describes the numbers of `flat`, in order; `hidden` may consist of shapes alone."""
    units = {
        term.name: term.units
        for term in (*randomization.actuation.TERMS, *randomization.sensing.TERMS)
    }
    found = []
    for path, leaf in _leaves(hidden):
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        group, _, rest = name.partition(".")
        if group in _MEMORY:
            term, _, field = rest.partition(".")
            name, label, unit = rest, rest.replace(".", " "), units[term].get(field, "1")
        else:
            label, unit = _FIELDS[name]
        found.append(Part(name, label, math.prod(leaf.shape[1:]), unit))
    return tuple(found)


def flat(hidden: Hidden) -> jax.Array:
    """Concatenates the hidden state, `[E, H]` float32; true is 1, false is 0."""
    return jnp.concatenate(
        [leaf.reshape(leaf.shape[0], -1).astype(jnp.float32) for _, leaf in _leaves(hidden)],
        axis=-1,
    )


def _leaves(hidden: Hidden) -> list[tuple[Any, Any]]:
    """Paths and arrays, without empty ones and without random keys, which carry no information."""
    return [
        (path, leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(hidden)
        if leaf.size and not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    ]
