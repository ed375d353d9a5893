"""Exceptions that end a program with a line instead of a traceback."""

from __future__ import annotations


def describe(error: BaseException) -> str:
    """Describes an exception on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class Held(Exception):
    """The hand is held; the message says why. Programs print it and end with exit status 1."""


class UserError(ValueError):
    """A user gave a wrong value; the message says in one line what would be right.

    Programs print that line and end with exit status 2. Every other exception except `OSError` is a
    bug and keeps its traceback.
    """
