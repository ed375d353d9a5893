"""Figure of automatic domain randomisation: each term's limit over the iterations."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from dactyl_jax.evaluation import plotting
from dactyl_jax.evaluation.plotting import BLUE, GREY

_COLUMNS = 5


def draw_limits(rows: Sequence[Mapping[str, float]], path: Path, *, title: str) -> None:
    """Draws a PNG, written atomically.

    Args:
        rows: one per iteration, with `iteration` and `limit_<term>`; 1 is the published law.
        path: output file.
        title: title of the figure.
    """
    names = [name for name in rows[-1] if name.startswith("limit_")]
    iterations = [row["iteration"] for row in rows]
    lines = math.ceil(len(names) / _COLUMNS)
    figure = Figure(figsize=(11, 0.8 + 1.6 * lines), dpi=130, layout="constrained")
    panels = figure.subplots(lines, _COLUMNS, sharex=True, sharey=True, squeeze=False)
    figure.suptitle(title, fontsize=12, fontweight="bold")
    figure.supylabel("limit of the strength (1: the published law)", fontsize=9)
    figure.supxlabel("iteration", fontsize=9)
    top = max(1.1, 1.1 * max(row[name] for row in rows for name in names))
    for panel in panels.flat[len(names) :]:
        panel.remove()
    for panel, name in zip(panels.flat, names, strict=False):
        panel.axhline(1.0, color=GREY, linewidth=0.8, linestyle="--")
        panel.step(iterations, [row[name] for row in rows], where="post", color=BLUE)
        panel.set_title(name.removeprefix("limit_").replace("_", " "), fontsize=9)
        panel.set_ylim(0, top)
        plotting.tidy(panel)
    plotting.save(figure, path)
