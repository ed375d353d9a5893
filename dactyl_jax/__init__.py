"""Dactyl in JAX: a simulated Shadow hand learns to turn objects in its palm."""

import importlib
import os
from typing import Any

from dactyl_jax.cpus import available_cpus

# With one CPU, XLA has one thread. A host callback, as the native engine makes them, occupies it
# and waits for ever for its own arguments, which that thread is to copy. JAX reads this at its
# start. (jaxlib 0.10.2, with arguments of more than 100 kB)
if available_cpus() == 1:
    os.environ.setdefault("PJRT_NPROC", "2")

__all__ = ["load_policy", "make", "register", "tasks"]


def __getattr__(name: str) -> Any:
    """What `registry` offers; it stands on nearly all else, which few importers need."""
    if name in __all__:
        return getattr(importlib.import_module("dactyl_jax.registry"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
