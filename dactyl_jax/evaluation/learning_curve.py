"""The picture of a run: goals, drops and the curriculum against experience."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

_BLUE, _RED, _GREEN, _GREY = "#1f6fb4", "#c8553d", "#3a7d44", "#8a8a8a"


def draw_learning_curve(
    rows: Sequence[Mapping[str, float]], path: Path, *, title: str, control_dt: float
) -> None:
    """Writes a PNG, atomically.

    Args:
        rows: one an iteration, with `control_steps`, `goals_per_minute`, `drops_per_minute` and
            `goal_distance` (rad).
        path: of the picture.
        title: its heading.
        control_dt: seconds of a control step.
    """
    steps = np.array([row["control_steps"] for row in rows], float)
    unit, name = (
        (1e6, "million control steps") if steps.max() >= 1e6 else (1e3, "thousand control steps")
    )
    x = steps / unit
    years = control_dt / (365.25 * 24 * 3600)  # of one control step

    figure = Figure(figsize=(8, 7.5), dpi=130, layout="constrained")
    panels = figure.subplots(3, 1, sharex=True, height_ratios=(3, 2, 2))
    figure.suptitle(title, fontsize=12, fontweight="bold")
    for panel, key, colour, label in (
        (panels[0], "goals_per_minute", _BLUE, "goals per\nenvironment-minute"),
        (panels[1], "drops_per_minute", _RED, "drops per\nenvironment-minute"),
    ):
        values = np.array([row[key] for row in rows], float)
        panel.plot(x, values, color=colour, alpha=0.25, linewidth=0.8)
        panel.plot(x, _smooth(values), color=colour, linewidth=2)
        panel.set_ylabel(label)
        panel.set_ylim(0, 1.1 * max(float(np.max(values)), 1e-3))
    distance = np.degrees([row["goal_distance"] for row in rows])
    panels[2].step(x, distance, where="post", color=_GREEN, linewidth=2)
    panels[2].axhline(180, color=_GREY, linewidth=0.8, linestyle="--")
    panels[2].annotate(
        "all orientations",
        (0.01, 177),
        xycoords=("axes fraction", "data"),
        va="top",
        fontsize=8,
        color=_GREY,
    )
    panels[2].set_ylabel("farthest goal\n(degrees)")
    panels[2].set_ylim(0, 195)
    panels[2].set_yticks([0, 45, 90, 135, 180])
    panels[2].set_xlabel(name)
    for panel in panels:
        panel.grid(alpha=0.25)
        panel.spines[["top", "right"]].set_visible(False)
        panel.set_xlim(0, float(x.max()))
    top = panels[0].secondary_xaxis(
        "top", functions=(lambda value: value * unit * years, lambda value: value / (unit * years))
    )
    top.set_xlabel("simulated years of experience")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    figure.savefig(temporary, format="png")
    temporary.replace(path)


def _smooth(values: np.ndarray) -> np.ndarray:
    """Running mean over a twentieth of the run, shorter at both ends."""
    half = max(len(values) // 40, 1)
    total = np.concatenate([[0.0], np.cumsum(values)])
    index = np.arange(len(values))
    low, high = np.maximum(index - half, 0), np.minimum(index + half + 1, len(values))
    return (total[high] - total[low]) / (high - low)
