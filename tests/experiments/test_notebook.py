"""The notebook runs from top to bottom, and its committed outputs match its code."""

import itertools
from pathlib import Path

import pytest

from experiments.notebooks import execute


def shape(notebook) -> list:
    """Returns the types of outputs of each code cell."""
    return [
        [(o.output_type, o.get("name"), sorted(o.get("data", ()))) for o in cell.outputs]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def test_the_committed_outputs_are_those_of_the_committed_code():
    """After a change, run `python -m experiments.notebooks.execute`."""
    notebook = execute.read()
    assert notebook.metadata["executed"] == execute.digest(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert execute.NOTEBOOK.stat().st_size < 400_000


def test_every_cell_of_code_is_explained():
    kinds = [cell.cell_type for cell in execute.read().cells]
    assert kinds[0] == "markdown"
    assert ("code", "code") not in itertools.pairwise(kinds)


@pytest.mark.slow
def test_it_runs_from_top_to_bottom(tmp_path: Path):
    """This takes about four minutes on one core."""
    notebook = execute.read()
    committed = shape(notebook)
    execute.execute(notebook, tmp_path)
    assert shape(notebook) == committed
    printed = "".join(o.get("text", "") for c in notebook.cells for o in c.get("outputs", ()))
    policy, chance = (
        float(printed.split(f"{name}: ")[1].split(" goals")[0]) for name in ("policy", "chance")
    )
    assert policy > 3 > 0.5 > chance
