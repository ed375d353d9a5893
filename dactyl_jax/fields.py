"""Fields of a configuration: a default and its constraint."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from dactyl_jax.errors import UserError


class Field(NamedTuple):
    """A default with its constraint.

    Attributes:
        default: value in a new configuration.
        may_be: the constraint in words, to follow "it must be".
        allows: whether a value satisfies the constraint.
    """

    default: Any
    may_be: str
    allows: Callable[[Any], bool]


Schema = Mapping[str, Any]  # of Fields, unconstrained defaults, and nested schemas


def one_of(default: str, choices: Collection[str]) -> Field:
    """One of several names."""
    return Field(default, "one of " + ", ".join(choices), lambda value: value in choices)


def positive(default: float) -> Field:
    """A finite number greater than 0."""
    return Field(default, "greater than 0", lambda value: math.isfinite(value) and value > 0)


def at_least(low: float, default: float, why: str = "") -> Field:
    """A finite number of at least `low`; `why` is appended to the message."""
    words = f"{low:g} or more" if not low else f"at least {low:g}"
    return Field(default, words + why, lambda value: math.isfinite(value) and value >= low)


def share(default: float) -> Field:
    """A fraction greater than 0 and at most 1."""
    return Field(default, "greater than 0 and at most 1", lambda value: 0 < value <= 1)


def unit(default: float) -> Field:
    """A number from 0 to 1."""
    return Field(default, "0 to 1", lambda value: 0 <= value <= 1)


def sizes(default: tuple[int, ...], what: str) -> Field:
    """One or more numbers, each at least 1."""
    return Field(
        default,
        f"one or more {what} of at least 1",
        lambda value: bool(value) and all(math.isfinite(x) and x >= 1 for x in value),
    )


def defaults(schema: Schema) -> ConfigDict:
    """A new configuration with the default values."""
    result = ConfigDict()
    for name, entry in schema.items():
        if isinstance(entry, Mapping):
            entry = defaults(entry)
        result[name] = entry.default if isinstance(entry, Field) else entry
    return result


def check(schema: Schema, config: ConfigDict) -> None:
    """Checks each field against its constraint.

    Raises:
        UserError: names the field, its value and the allowed values.
    """
    for field, constraint in _constraints(schema):
        value = get(config, field)
        if not constraint.allows(value):
            fail(config, field, constraint.may_be)


def get(config: ConfigDict, field: str) -> Any:
    """The value of a dotted field."""
    node = config
    for part in field.split("."):
        node = node[part]
    return node


def fail(config: ConfigDict, field: str, may_be: str) -> None:
    """Raises the UserError for a dotted field whose value is not allowed."""
    raise UserError(f"config.{field} is {get(config, field)!r}; it must be {may_be}.")


def _constraints(schema: Schema, prefix: str = "") -> Iterator[tuple[str, Field]]:
    for name, entry in schema.items():
        if isinstance(entry, Field):
            yield prefix + name, entry
        elif isinstance(entry, Mapping):
            yield from _constraints(entry, f"{prefix}{name}.")
