"""Learning curve of a vision run: errors on held-out frames against training frames."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from dactyl_jax.evaluation import plotting
from dactyl_jax.evaluation.plotting import BLUE, GREEN, GREY


def draw_vision_curve(rows: Sequence[Mapping[str, float]], path: Path, *, title: str) -> None:
    """Draws a PNG, written atomically.

    Args:
        rows: one per iteration, with `frames`; some with `rotation_deg` and `position_mm`.
        path: output file.
        title: title of the figure.
    """
    looked = [row for row in rows if "rotation_deg" in row]
    frames = np.array([row["frames"] for row in looked], float) / 1000
    figure = Figure(figsize=(8, 5.5), dpi=130, layout="constrained")
    panels = figure.subplots(2, 1, sharex=True)
    figure.suptitle(title, fontsize=12, fontweight="bold")
    for panel, key, colour, label, published in (
        (panels[0], "rotation_deg", BLUE, "median orientation\nerror (degrees)", 2.71),
        (panels[1], "position_mm", GREEN, "median position\nerror (mm)", 3.12),
    ):
        panel.plot(frames, [row[key] for row in looked], color=colour, linewidth=1.5, marker=".")
        panel.axhline(published, color=GREY, linewidth=0.8, linestyle="--")
        panel.annotate(
            f"{published} in OpenAI 2018, after 25.6 million frames",
            (0.99, published * 1.06),
            xycoords=("axes fraction", "data"),
            ha="right",
            fontsize=8,
            color=GREY,
        )
        panel.set_ylabel(label)
        panel.set_yscale("log")
        panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        panel.yaxis.set_minor_locator(NullLocator())
        panel.yaxis.set_major_formatter("{x:g}")
        plotting.tidy(panel)
    panels[1].set_xlabel("thousand rendered frames of three images")
    plotting.save(figure, path)
