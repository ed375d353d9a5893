"""Pytrees of arrays whose first axis is the environment, and their random keys."""

import jax
import jax.numpy as jnp


def nth(keys: jax.Array, number: jax.Array) -> jax.Array:
    """Folds each environment's number into its key, `[E]`."""
    return jax.vmap(jax.random.fold_in)(keys, number)


def split(keys: jax.Array, count: int) -> jax.Array:
    """Splits each environment's key into `count` keys, `[count, E]`."""
    return jnp.moveaxis(jax.vmap(lambda key: jax.random.split(key, count))(keys), 1, 0)


def where(mask: jax.Array, chosen, other):
    """`chosen` in the environments of `mask` `[E]`, `other` elsewhere, for trees of `[E, ...]`."""

    def select(a, b):
        return jnp.where(mask.reshape(mask.shape + (1,) * (a.ndim - 1)), a, b)

    return jax.tree.map(select, chosen, other)
