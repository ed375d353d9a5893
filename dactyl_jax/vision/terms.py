"""What a term of the appearance is: a name, where it was published, a law, what it does."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax.hand import rig


@dataclasses.dataclass(frozen=True)
class Term:
    """One row of the table of what is randomised in pictures.

    Attributes:
        name: of its field in `config.terms`.
        source: where its law was published; "ours" for what was not.
        law: its numbers with their defaults, fields of `config.terms.<name>`.
        apply: from a key, the law, the signal (looks, or pictures, of one frame) and the
            materials to the changed signal.
    """

    name: str
    source: str
    law: Mapping[str, Any]
    apply: Callable[[jax.Array, ConfigDict, Any, "Materials"], Any]


@dataclasses.dataclass(frozen=True)
class Materials:
    """Whose material is whose: numbers of a model's materials.

    Attributes:
        object, hand: of what is seen of them.
        patterns: how many the table may have, the first one plain.
    """

    object: np.ndarray
    hand: np.ndarray
    patterns: int


def materials(model: mujoco.MjModel) -> Materials:
    """Of a model with cameras, `hand.load_model(..., cameras=...)`."""
    seen = model.geom_matid >= 0
    is_object = model.geom_bodyid == model.body("object").id
    is_table = np.arange(model.ngeom) == model.geom(rig.TABLE).id
    return Materials(
        object=np.unique(model.geom_matid[seen & is_object]),
        hand=np.unique(model.geom_matid[seen & ~is_object & ~is_table]),
        patterns=len(rig.patterns()),
    )


def apply_all(
    terms: Sequence[Term], laws: ConfigDict, key: jax.Array, signal: Any, materials: Materials
) -> Any:
    """Lets the enabled terms act on one frame, in the table's order.

    A term's draws depend on the key and its place in the table, not on which others are enabled.
    """
    keys = jax.random.split(key, len(terms))
    for term, term_key in zip(terms, keys, strict=True):
        if laws[term.name].enabled:
            signal = term.apply(term_key, laws[term.name], signal, materials)
    return signal


def uniform(key: jax.Array, low: Any, high: Any, shape: tuple[int, ...] = ()) -> jax.Array:
    """Uniform between two numbers, `shape`."""
    return jax.random.uniform(key, shape, jnp.float32, low, high)


def integer(share: jax.Array, low: int, high: int) -> jax.Array:
    """From shares that are uniform from 0 to 1 to integers from `low` to below `high`."""
    return jnp.minimum(low + jnp.floor(share * (high - low)), high - 1).astype(jnp.int32)


def direction(height: jax.Array, share: jax.Array) -> jax.Array:
    """Unit vectors `[..., 3]`, uniform where height is uniform from -1 to 1 and share from 0 to 1.

    A sphere has the same area between any two heights of the same distance (Archimedes).
    """
    azimuth = 2 * jnp.pi * share
    reach = jnp.sqrt(jnp.maximum(1 - height**2, 0.0))
    return jnp.stack([reach * jnp.cos(azimuth), reach * jnp.sin(azimuth), height], axis=-1)
