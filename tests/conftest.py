"""Fixtures shared by all tests; robot hosts have no JAX."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Modules that compile environments, engines or networks at length. All other tests that are not
# slow are `unit` tests.
COMPILING = {
    *(f"envs/test_{name}.py" for name in ("adr", "goals", "hidden", "observation", "randomized")),
    *("envs/test_reorientation.py", "envs/test_reward.py", "evaluation/test_comparison.py"),
    *(f"experiments/test_{name}.py" for name in ("compare", "configs", "programs", "study")),
    *("experiments/test_train.py", "experiments/test_vision_programs.py"),
    *("experiments/command_line/test_command_line.py", "adapters/test_gymnasium.py"),
    *(f"learning/test_{name}.py" for name in ("imitation", "ppo", "rollout", "trainer")),
    *("physics/test_mjx.py", "pretrained/test_store.py", "rendering/test_views.py"),
    *(f"randomization/test_{name}.py" for name in ("actuation", "extension", "sensing")),
    *("test_registry.py", "viewer/test_play.py"),
    *(f"vision/test_{name}.py" for name in ("appearance", "frames", "images", "network")),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests that compile nothing at length."""
    for item in items:
        module = item.path.relative_to(Path(__file__).parent).as_posix()
        if module not in COMPILING and item.get_closest_marker("slow") is None:
            item.add_marker(pytest.mark.unit)


@pytest.fixture(scope="module", autouse=True)
def forget_compiled_programs() -> Iterator[None]:
    """Frees compiled programs: JAX keeps them all, and Linux gives a process 65,530 memory maps.

    The step of one environment takes 1,000 to 5,000 maps on a CPU. When they run out, the process
    aborts in the middle of a compilation.
    """
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
