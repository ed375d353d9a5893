"""A randomised quantity: a name, a law, a source, and the family that presets select by."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import jax
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax.errors import UserError

FAMILIES = ("physics", "sensing", "unmodelled")
BASIC = {
    *("friction", "mass", "damping", "gain"),
    *("fingertip_noise", "position_noise", "orientation_noise"),
}


@dataclasses.dataclass(frozen=True)
class Term:
    """One row of the published tables.

    Attributes:
        name: its node in `config.terms`.
        family: one of `FAMILIES`; presets select by it.
        source: where the law is published.
        law: fields of the node with their defaults. Their names imply constraints, see `check`.
        preset: whether presets include it; otherwise it is off unless its `enabled` is set.
    """

    name: str
    family: str
    source: str
    law: Mapping[str, float]
    preset: bool = dataclasses.field(default=True, kw_only=True)

    def __post_init__(self):
        if self.family not in FAMILIES:
            raise ValueError(f"{self.name}: family {self.family!r} is none of {FAMILIES}")

    def enabled(self, config: ConfigDict) -> bool:
        """Whether the term is on: its `enabled` if set, otherwise as the preset decides."""
        own = config.terms[self.name].enabled
        by_preset = self.preset and PRESETS[config.randomization](self)
        return by_preset if own is None else own


@dataclasses.dataclass(frozen=True)
class PhysicsTerm(Term):
    """A term of the model, drawn on the host, one model at a time.

    `draw(fields, rng, law, strength)` changes `fields` in place and returns the values it drew,
    `[n]`; `n` never changes.
    """

    draw: Callable[[Any, np.random.Generator, ConfigDict, float], np.ndarray]


class Begin(Protocol):
    """Creates a term's memory at the start of an episode, including the episode's draws."""

    def __call__(self, key: jax.Array, law: ConfigDict, strength: jax.Array, signal, scene): ...


class Apply(Protocol):
    """Applies a term in one control step; returns its memory and its signal."""

    def __call__(
        self, key: jax.Array, law: ConfigDict, strength: jax.Array, memory, signal, scene
    ): ...


@dataclasses.dataclass(frozen=True)
class StepTerm(Term):
    """A term that acts in every control step, written for one environment.

    Attributes:
        begin: `(key, law, strength, signal, scene) -> memory`, at the start of an episode.
        apply: `(key, law, strength, memory, signal, scene) -> (memory, signal)`, in each step.
        units: units of its memory by field: `position`, `last.position`, or an empty name for
            memory that is one array. Fields that are not listed are dimensionless.
    """

    begin: Begin
    apply: Apply
    units: Mapping[str, str] = dataclasses.field(default_factory=dict, kw_only=True)


PRESETS: dict[str, Callable[[Term], bool]] = {
    "none": lambda term: False,
    "basic": lambda term: term.name in BASIC,
    "all": lambda term: True,
    "no_physics": lambda term: term.family != "physics",
    "no_sensing": lambda term: term.family != "sensing",
    "no_unmodelled": lambda term: term.family != "unmodelled",
}


def check(terms: Iterable[Term], config: ConfigDict) -> None:
    """Checks the laws in `config.terms`.

    Bounds (`low`, `high`, or names ending in them) must be positive and in order. Probabilities,
    decays and shares must be at most 1. All others, such as standard deviations and times, must be
    0 or more.

    Raises:
        ValueError: names the field, its value and the allowed values.
    """
    for term in terms:
        law = config.terms[term.name]
        for name in term.law:
            value, field = law[name], f"config.terms.{term.name}.{name}"
            if name == "low" or name.endswith("_low"):
                other = name.removesuffix("low") + "high"
                if not 0 < value <= law[other]:
                    raise UserError(
                        f"{field} is {value!r} and config.terms.{term.name}.{other} is "
                        f"{law[other]!r}; both must be greater than 0, "
                        "and the first must not exceed the second."
                    )
            if not (math.isfinite(value) and value >= 0):
                raise UserError(f"{field} is {value!r}; it must be finite and 0 or more.")
            if any(word in name for word in ("probability", "decay", "share")) and value > 1:
                raise UserError(f"{field} is {value!r}; it must be at most 1.")
