"""What all tests share; a robot host has no JAX."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def forget_compiled_programs() -> Iterator[None]:
    """JAX keeps every compiled program, and Linux gives a process 65,530 memory maps.

    An environment's step takes 1,000 to 5,000 of them on a CPU; without room for more, the process
    aborts in the middle of a compilation.
    """
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
