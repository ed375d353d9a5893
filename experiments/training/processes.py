"""Several processes of one run, on one host or many, through `jax.distributed`.

All of them run the same program on the same work directory, which they must share. The first one
decides and writes; with a single process all of this does nothing.
"""

import jax
from absl import flags
from jax.experimental import multihost_utils

from dactyl_jax.errors import UserError


def define_flag(values: flags.FlagValues) -> None:
    """Defines `--distributed`."""
    flags.DEFINE_string(
        "distributed",
        None,
        "join the other processes of the run: auto where Slurm, Kubernetes, Open MPI or a TPU "
        "slice tells who they are, or HOST:PORT,COUNT,NUMBER: the first one's address, how many "
        "there are, and which one this is, from 0",
        flag_values=values,
    )


def join(distributed: str | None) -> None:
    """Waits for the other processes; before JAX computes anything.

    Args:
        distributed: what `--distributed` said.

    Raises:
        UserError: it is neither `auto` nor HOST:PORT,COUNT,NUMBER.
    """
    if distributed is None:
        return
    if distributed == "auto":
        jax.distributed.initialize()
        return
    address, *numbers = distributed.split(",")
    if len(numbers) != 2 or not all(number.isdigit() for number in numbers) or ":" not in address:
        raise UserError(
            f"--distributed is {distributed!r}; it must be auto or HOST:PORT,COUNT,NUMBER"
        )
    count, number = map(int, numbers)
    if number >= count:
        raise UserError(
            f"--distributed is {distributed!r}; {count} processes have numbers 0 to {count - 1}"
        )
    jax.distributed.initialize(address, count, number)


def is_first() -> bool:
    """Whether this process decides and writes."""
    return jax.process_index() == 0


def agree(*decisions: bool) -> tuple[bool, ...]:
    """The first process's decisions, in all of them; waits until each has asked."""
    if jax.process_count() == 1:
        return decisions
    return tuple(bool(x) for x in multihost_utils.broadcast_one_to_all(decisions))
