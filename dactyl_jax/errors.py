"""Errors that the user of a program or of this library can fix."""


class UserError(ValueError):
    """A wrong value from the user; the message is one line and says what would be right.

    Programs print that line and exit with status 2. Any other exception is a bug and keeps its
    traceback.
    """
