"""Dactyl in JAX: a simulated Shadow hand learns to rotate objects in its palm."""

import importlib
import os
from typing import Any

from dactyl_jax.cpus import available_cpus

# With one CPU, XLA uses one thread. A host callback, such as the native engine's, then deadlocks:
# it occupies that thread while waiting for it to copy the callback's arguments. JAX reads this
# variable at start-up, before which the CPUs of a process may become fewer. (jaxlib 0.10.2, with
# arguments larger than 100 kB)
os.environ.setdefault("PJRT_NPROC", str(max(available_cpus(), 2)))

__all__ = ["load_policy", "make", "register", "tasks"]


def __getattr__(name: str) -> Any:
    """Loads names of `registry` on first use; it imports nearly everything else."""
    if name in __all__:
        return getattr(importlib.import_module("dactyl_jax.registry"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
