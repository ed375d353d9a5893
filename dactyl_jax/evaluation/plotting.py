"""Shared parts of the package's figures."""

import os
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from dactyl_jax.evaluation.statistics import YEAR

BLUE, RED, GREEN, GREY = "#1f6fb4", "#c8553d", "#3a7d44", "#8a8a8a"


def save(figure: Figure, path: Path) -> None:
    """Writes a PNG, atomically. Titles and names of runs are plain text: `$` is a dollar sign."""
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    figure.savefig(temporary, format="png")
    temporary.replace(path)


def smooth(values: np.ndarray) -> np.ndarray:
    """Running mean over one twentieth of the run, shorter at both ends; `[iteration]`."""
    half = max(len(values) // 40, 1)
    total = np.concatenate([[0.0], np.cumsum(values)])
    index = np.arange(len(values))
    low, high = np.maximum(index - half, 0), np.minimum(index + half + 1, len(values))
    return (total[high] - total[low]) / (high - low)


def tidy(panel: Axes) -> None:
    """Draws a faint grid and removes the box."""
    panel.grid(alpha=0.25)
    panel.spines[["top", "right"]].set_visible(False)


def goal_distance_axis(panel: Axes) -> None:
    """A vertical axis in degrees, up to the range where goals have any orientation."""
    panel.axhline(180, color=GREY, linewidth=0.8, linestyle="--")
    panel.annotate(
        "all orientations",
        (0.01, 177),
        xycoords=("axes fraction", "data"),
        va="top",
        fontsize=8,
        color=GREY,
    )
    panel.set_ylabel("farthest goal\n(degrees)")
    panel.set_ylim(0, 195)
    panel.set_yticks([0, 45, 90, 135, 180])


def steps_unit(steps: float) -> tuple[float, str]:
    """Scale and name of the unit for an axis that reaches `steps` control steps."""
    if steps >= 1e6:
        return 1e6, "million control steps"
    return 1e3, "thousand control steps"


def years_axis(panel: Axes, step: float) -> None:
    """Adds a second horizontal axis on top.

    Args:
        panel: panel whose horizontal axis shows experience.
        step: simulated seconds per unit of that axis.
    """
    years = step / YEAR
    forward, back = (lambda x: np.multiply(x, years)), (lambda x: np.divide(x, years))
    axis = panel.secondary_xaxis("top", functions=(forward, back))
    axis.set_xlabel("simulated years of experience")
