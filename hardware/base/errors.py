"""What only the user of a program can put right."""

from __future__ import annotations


class UserError(ValueError):
    """A value that a user gave is wrong; the message is one line that says what would be right.

    Programs end on it in that line and exit status 2. Every other exception but `OSError` is a
    mistake in code, and keeps its traceback.
    """
