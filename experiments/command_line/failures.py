"""Error reporting: one line for a user error."""

import os
import select
import sys

from absl import flags

from dactyl_jax.errors import UserError


def message_for_user(error: Exception) -> str | None:
    """Returns the message to print, or None if the error is a bug in the program."""
    if isinstance(error, UserError | flags.Error):
        return str(error)
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror or error}{where}; check the path, its permissions and the disk"
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        return "not enough memory: lower --config.num_envs, --config.env.bank_size or the network"
    return None


def one_line(message: str) -> str:
    """Joins a message into one line."""
    return " ".join(message.split())


def nobody_reads() -> bool:
    """Reports whether the reader of stdout has exited (`| head`); if so, discards the rest."""
    output = sys.__stdout__
    if output is None:
        return False
    poll = select.poll()
    poll.register(output.fileno(), 0)
    if not any(event & select.POLLERR for _, event in poll.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())
    return True
