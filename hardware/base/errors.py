"""How programs end that cannot do what they were asked to."""

from __future__ import annotations


def describe(error: BaseException) -> str:
    """An exception in a few words, on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class Held(Exception):
    """The hand is held, for a reason in words; programs end on it in a line and exit status 1."""


class UserError(ValueError):
    """A value that a user gave is wrong; the message is one line that says what would be right.

    Programs end on it in that line and exit status 2. Every other exception but `OSError` is a
    mistake in code, and keeps its traceback.
    """
