"""Multi-process runs, on one host or several, through `jax.distributed`.

All processes run the same program on the same, shared work directory. The first process decides and
writes; with a single process this module does nothing.
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
        "join the run's other processes: auto on Slurm, Kubernetes, Open MPI or a TPU slice; or "
        "HOST:PORT,COUNT,NUMBER with the first process's address, the number of processes, and "
        "this process's number, from 0",
        flag_values=values,
    )


def join(distributed: str | None) -> None:
    """Waits for the other processes; call it before JAX computes anything.

    Args:
        distributed: value of `--distributed`.

    Raises:
        UserError: the value is neither `auto` nor HOST:PORT,COUNT,NUMBER.
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
            f"--distributed is {distributed!r}; with {count} processes NUMBER is 0 to {count - 1}"
        )
    jax.distributed.initialize(address, count, number)


def is_first() -> bool:
    """Reports whether this process decides and writes."""
    return jax.process_index() == 0


def agree(*decisions: bool) -> tuple[bool, ...]:
    """Returns the first process's decisions in all processes; waits until each has called."""
    if jax.process_count() == 1:
        return decisions
    return tuple(bool(x) for x in multihost_utils.broadcast_one_to_all(decisions))
