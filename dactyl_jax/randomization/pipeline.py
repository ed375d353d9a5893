"""Applies step terms in sequence to a batch of environments."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import jax
from ml_collections import ConfigDict

from dactyl_jax.randomization.terms import StepTerm

Signal = TypeVar("Signal")
Memory = dict[str, Any]


class Pipeline:
    """Passes a signal through the enabled terms of a sequence.

    A term's draws depend only on the environment's key and the term's name. Enabling or disabling a
    term does not change the draws of the others.
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
            keys: `[E]`, one per environment.
            strengths: `[E]` by term's name; 0 disables the term, 1 is the configured law.
            signal: a pytree `[E, ...]`, what the terms will act on, at the start of the episode.
            scene: a pytree `[E, ...]` of what else the terms may read.

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
        """Applies the terms in one control step; arguments as in `begin`."""
        after = {}
        for term, law in self._terms:
            after[term.name], signal = jax.vmap(
                lambda k, *rest, term=term, law=law: term.apply(k, law, *rest)
            )(_keys_of(keys, term), strengths[term.name], memory[term.name], signal, scene)
        return after, signal


def _keys_of(keys: jax.Array, term: StepTerm) -> jax.Array:
    number = zlib.crc32(term.name.encode())
    return jax.vmap(lambda key: jax.random.fold_in(key, number))(keys)
