"""What only the user of a program or of this library can put right."""


class UserError(ValueError):
    """A value that a user gave is wrong; the message is one line that says what would be right.

    Programs end on it in that line and exit status 2. Every other exception is a mistake in code,
    and keeps its traceback.
    """
