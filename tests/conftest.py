"""Fixtures shared by all tests; robot hosts have no JAX."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def forget_compiled_programs() -> Iterator[None]:
    """Frees compiled programs: JAX keeps them all, and Linux gives a process 65,530 memory maps.

    The step of one environment takes 1,000 to 5,000 maps on a CPU. When they run out, the process
    aborts in the middle of a compilation.
    """
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
