"""Executes the notebook in place, so that the committed outputs match the code.

Run `python -m experiments.notebooks.execute` after changing a cell; it needs the extra `notebook`.
"""

import hashlib
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

NOTEBOOK = Path(__file__).parent / "dactyl.ipynb"


def read() -> NotebookNode:
    """Reads the committed notebook."""
    return nbformat.read(NOTEBOOK, as_version=4)


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Runs all cells from top to bottom and stores their outputs.

    Args:
        notebook: its outputs are replaced.
        folder: working directory of the kernel.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    NotebookClient(
        notebook,
        timeout=480,
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        coalesce_streams=True,
    ).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":  # libraries print machine details to stderr
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
    notebook.metadata["executed"] = digest(notebook)


def digest(notebook: NotebookNode) -> str:
    """Returns the SHA-256 of the code cells."""
    sources = "\0".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return hashlib.sha256(sources.encode()).hexdigest()


def main() -> None:
    """Executes the notebook and writes it."""
    started = time.monotonic()
    notebook = read()
    execute(notebook, NOTEBOOK.parent)
    nbformat.write(notebook, NOTEBOOK)
    print(f"{NOTEBOOK}: {time.monotonic() - started:.0f} s, {NOTEBOOK.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
