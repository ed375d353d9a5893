"""Lines of Markdown tables."""

from collections.abc import Sequence


def head(names: Sequence[str]) -> list[str]:
    """The header of a table."""
    return [line(names), line(["---"] * len(names))]


def line(cells: Sequence[str]) -> str:
    """One row of a table."""
    return "| " + " | ".join(cells) + " |"
