"""What is hidden: all that an episode drew, all that its terms remember, and what the motors got.

To those who do not see it the world is not Markov, however true their readings are. The value
function and a teacher may see it whole (`config.env.value_observation=privileged`), a policy never
does. Memory is taken as it is, array by array, so that a new term needs no line here.
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
    """What is hidden in each environment.

    Attributes:
        drawn: what the physics terms drew, `[E, D]`.
        strengths: of the enabled terms, in the order of `randomization.TERMS`, `[E, T]`.
        actuation, sensing: what their terms remember, by name, `[E, ...]`.
        noisy_average: of the actions with their errors; None in runs that smooth targets.
        motor_targets: what the motors got in the last control step, `[E, 20]` rad.
        force: on the object in that step, world frame, `[E, 3]` N.
    """

    drawn: jax.Array
    strengths: jax.Array
    actuation: randomization.Memory
    sensing: randomization.Memory
    noisy_average: Average | None
    motor_targets: jax.Array
    force: jax.Array


class Part(NamedTuple):
    """Numbers that stand side by side in the observation of what is hidden.

    Attributes:
        name: by which code knows them: a field, or a term and a field of its memory, with dots.
        label: by which people do.
        size: how many there are.
        unit: theirs.
    """

    name: str
    label: str
    size: int
    unit: str


# Labels and units of all but memory; terms say the units of theirs.
_FIELDS = {
    "drawn": ("what the physics terms drew", "as drawn"),
    "strengths": ("strengths of the enabled terms", "1"),
    "noisy_average.value": ("average of the actions with their errors", "1"),
    "noisy_average.weight": ("weight of all actions in that average", "1"),
    "motor_targets": ("targets that the motors got", "rad"),
    "force": ("force on the object x, y, z, world frame", "N"),
}
_MEMORY = ("actuation", "sensing")


def of(config: ConfigDict, episode: Episode) -> Hidden:
    """What is hidden in environments that play `episode`, under a whole configuration."""
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
    """What the numbers of `flat` are, in their order; `hidden` may be of shapes alone."""
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
    """All of it side by side, `[E, H]` float32; what is true is 1, what is false 0."""
    return jnp.concatenate(
        [leaf.reshape(leaf.shape[0], -1).astype(jnp.float32) for _, leaf in _leaves(hidden)],
        axis=-1,
    )


def _leaves(hidden: Hidden) -> list[tuple[Any, Any]]:
    """Paths and arrays, without those that are empty, and random keys, which tell nothing."""
    return [
        (path, leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(hidden)
        if leaf.size and not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    ]
