"""A randomised aspect of the images: a name, a source, a law, and a function."""

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
    """One row of the table of image randomisations.

    Attributes:
        name: name of its node in `config.terms`.
        source: where its law was published; "ours" if it was not.
        law: parameters with their defaults, the fields of `config.terms.<name>`.
        apply: maps a key, the law, the signal (appearance or images of one frame) and the materials
            to the changed signal.
    """

    name: str
    source: str
    law: Mapping[str, Any]
    apply: Callable[[jax.Array, ConfigDict, Any, "Materials"], Any]


@dataclasses.dataclass(frozen=True)
class Materials:
    """Indices of a model's materials, by owner.

    Attributes:
        object, hand: materials of their visual geoms.
        patterns: number of table patterns, the first one plain.
    """

    object: np.ndarray
    hand: np.ndarray
    patterns: int


def materials(model: mujoco.MjModel) -> Materials:
    """Materials of a model with cameras, `hand.load_model(..., cameras=...)`."""
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
    """Applies the enabled terms to one frame, in the table's order.

    A term's draws depend on the key and its position in the table, not on the other terms.
    """
    keys = jax.random.split(key, len(terms))
    for term, term_key in zip(terms, keys, strict=True):
        if laws[term.name].enabled:
            signal = term.apply(term_key, laws[term.name], signal, materials)
    return signal


def uniform(key: jax.Array, low: Any, high: Any, shape: tuple[int, ...] = ()) -> jax.Array:
    """Uniform between two numbers, of the given shape."""
    return jax.random.uniform(key, shape, jnp.float32, low, high)


def integer(share: jax.Array, low: int, high: int) -> jax.Array:
    """Maps uniform numbers in 0..1 to integers from `low` to below `high`."""
    return jnp.minimum(low + jnp.floor(share * (high - low)), high - 1).astype(jnp.int32)


def direction(height: jax.Array, share: jax.Array) -> jax.Array:
    """Unit vectors `[..., 3]`, uniform if height is uniform in -1..1 and share in 0..1.

    On a sphere, zones of equal height have equal area (Archimedes).
    """
    azimuth = 2 * jnp.pi * share
    reach = jnp.sqrt(jnp.maximum(1 - height**2, 0.0))
    return jnp.stack([reach * jnp.cos(azimuth), reach * jnp.sin(azimuth), height], axis=-1)
