"""Step terms one after the other, for a batch of environments."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import jax
from ml_collections import ConfigDict

from dactyl_jax.randomization.terms import StepTerm

Signal = TypeVar("Signal")
Memory = dict[str, Any]


class Pipeline:
    """Passes a signal through the enabled ones of some step terms, in their order.

    Draws of a term follow from the environment's key and the term's name alone, so that switching
    a term on or off leaves those of the others as they were.
    """

    def __init__(self, terms: Sequence[StepTerm], config: ConfigDict):
        self._terms = [(term, config.terms[term.name]) for term in terms if term.enabled(config)]

    @property
    def names(self) -> list[str]:
        """Names of the enabled terms."""
        return [term.name for term, _ in self._terms]

    def begin(
        self, keys: jax.Array, strengths: Mapping[str, jax.Array], signal: Any, scene: Any
    ) -> Memory:
        """Starts episodes.

        Args:
            keys: `[E]`, one an environment.
            strengths: `[E]` by term's name; 0 does nothing, 1 is the law as configured.
            signal: a pytree `[E, ...]`, what the terms will act on, as it is at the start.
            scene: a pytree `[E, ...]` of what else the terms may look at.

        Returns:
            Memory by term's name, `[E, ...]`.
        """
        return {
            term.name: jax.vmap(lambda k, *rest, term=term, law=law: term.begin(k, law, *rest))(
                _keys_of(keys, term), strengths[term.name], signal, scene
            )
            for term, law in self._terms
        }

    def apply(
        self,
        keys: jax.Array,
        strengths: Mapping[str, jax.Array],
        memory: Memory,
        signal: Signal,
        scene: Any,
    ) -> tuple[Memory, Signal]:
        """One control step; arguments as in `begin`."""
        after = {}
        for term, law in self._terms:
            after[term.name], signal = jax.vmap(
                lambda k, *rest, term=term, law=law: term.apply(k, law, *rest)
            )(_keys_of(keys, term), strengths[term.name], memory[term.name], signal, scene)
        return after, signal


def _keys_of(keys: jax.Array, term: StepTerm) -> jax.Array:
    number = zlib.crc32(term.name.encode())
    return jax.vmap(lambda key: jax.random.fold_in(key, number))(keys)
