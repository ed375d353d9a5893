"""Import layers of the experiments; only programs import inside functions."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import floors

ROOT = Path(__file__).parents[2]
FLOORS = (
    ["experiments.base", "experiments.configs"],
    ["experiments.command_line"],
    ["experiments.runs"],
    ["experiments.training", "experiments.evaluation"],
    ["experiments.vision"],
    ["experiments.studies", "experiments.benchmarks", "experiments.export"],
)
# Programs that print --help without loading networks, engines or renderers.
QUICK = ("train", "benchmark", "compare", "report", "memory", "ablations", "variants", "scale")
SLOW_TO_LOAD = ("flax", "matplotlib", "mujoco.mjx", "orbax", "scipy", "warp")


@pytest.fixture(scope="module")
def files() -> dict[str, Path]:
    found = floors.modules(ROOT, "experiments")
    del found["experiments"]  # a docstring
    return found


@pytest.fixture(scope="module")
def programs(files) -> list[str]:
    """Returns the program modules, each a room by itself, and the notebook's executor."""
    top = [name for name, file in files.items() if file.parent.name == "experiments"]
    return [*top, "experiments.notebooks", "experiments.examples"]


def test_floors_look_down(files, programs):
    edges = floors.graph(files)
    assert floors.circles(edges) == []
    assert floors.upward(edges, (*FLOORS, programs)) == []
    assert {room for rooms in FLOORS for room in rooms} <= files.keys()


def test_programs_alone_import_late(files, programs):
    assert floors.late(files) <= set(programs)


def test_files_are_few_and_short(files, programs):
    helpers = [file for name, file in files.items() if name not in programs]
    assert floors.crowded(helpers, most=13) == []
    assert floors.long(files.values(), most=399) == []


def test_help_loads_little():
    script = (
        f"import sys; from experiments import {', '.join(QUICK)};"
        f"print([name for name in {SLOW_TO_LOAD} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
