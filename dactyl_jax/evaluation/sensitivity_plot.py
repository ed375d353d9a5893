"""Sensitivity figure: bars of goals per failure, left out beside alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from dactyl_jax.evaluation import plotting, sensitivity
from dactyl_jax.evaluation.plotting import BLUE, GREEN, RED

_GAP = 0.6  # between families, in bars
_MARGIN = 1.15  # factor by which the axis extends beyond the data


def draw_sensitivity(record: Mapping[str, Any], path: Path) -> None:
    """Draws a PNG, written atomically: one bar per family or term, starting at its reference.

    The axis of goals per failure is logarithmic. On the left, bars start at everything and end
    where the term is left out; on the right, they start at nothing and end where it is alone.

    Args:
        record: as written by `experiments.sensitivity`.
        path: output file.
    """
    rows = sensitivity.ordered(record)
    entries = [next(iter(row.values())) for row in rows]
    heights, y = [], 0.0
    for before, entry in zip([None, *entries], entries, strict=False):
        y += 1 + _GAP * (before is not None and before["family"] != entry["family"])
        heights.append(y)
    figure = Figure(figsize=(10.5, 1.9 + 0.27 * y), dpi=130, layout="constrained")
    figure.suptitle(record["title"], fontsize=12, fontweight="bold")
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    low, high = _bounds(record)
    for panel, kind, reference, colour, heading in (
        (panels[0], "without", "everything", GREEN, "left out of everything"),
        (panels[1], "alone", "nothing", RED, "alone"),
    ):
        _scale(panel, low, high)
        panel.set_title(heading, fontsize=10)
        start = _within(sensitivity.end(record, reference)["goals_per_failure"][0], low, high)
        for y, row in zip(heights, rows, strict=True):
            if kind in row:
                _bar(panel, y, row[kind], start, (low, high), colour)
        for name, line in (("everything", "-"), ("nothing", "--")):
            value, *interval = sensitivity.end(record, name)["goals_per_failure"]
            value = _within(value, low, high)
            shade = [_within(edge, low, high) for edge in interval]
            panel.axvspan(*shade, color=BLUE, alpha=0.08, linewidth=0, zorder=0)
            panel.axvline(value, color=BLUE, linewidth=1.2, linestyle=line)
            panel.annotate(
                name,
                (value, 0.35),
                xytext=(3 if name == "everything" else -3, 0),
                textcoords="offset points",
                ha="left" if name == "everything" else "right",
                va="center",
                fontsize=8,
                color=BLUE,
            )
    names = [entry["name"].replace("_", " ") for entry in entries]
    panels[0].set_yticks(heights, names, fontsize=8.5)
    for label, entry in zip(panels[0].get_yticklabels(), entries, strict=True):
        label.set_fontweight("bold" if entry["name"] == entry["family"] else "normal")
    panels[0].set_ylim(heights[-1] + 0.7, -0.1)
    figure.supxlabel(
        f"goals per drop or time-out; 95% intervals over {record['hands']} hands for "
        f"{record['seconds']:g} s each, {record['goals']} goals, {record['goal_timeout_s']:g} s a "
        "goal",
        fontsize=9,
    )
    plotting.save(figure, path)


def _bar(
    panel: Axes,
    y: float,
    entry: Mapping[str, Any],
    start: float,
    bounds: tuple[float, float],
    colour: str,
) -> None:
    """A bar from `start` to the entry's goals per failure, with the interval at its end."""
    value, low, high = (_within(number, *bounds) for number in entry["goals_per_failure"])
    family = entry["name"] == entry["family"]
    panel.barh(
        y, value - start, left=start, height=0.72, color=colour, alpha=0.8 if family else 0.45
    )
    panel.plot([low, high], [y, y], color="black", linewidth=0.9)
    panel.plot(value, y, "o", color="black", markersize=3)


def _scale(panel: Axes, low: float, high: float) -> None:
    panel.set_xscale("log")
    panel.set_xlim(low, high)
    panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panel.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.grid(axis="x", alpha=0.25)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.tick_params(axis="y", length=0)
    panel.tick_params(axis="x", labelsize=8)


def _bounds(record: Mapping[str, Any]) -> tuple[float, float]:
    """Ends of the axis: the range of all intervals that are above 0 and finite."""
    numbers: Sequence[float] = [
        number
        for entry in record["conditions"]
        for number in entry["goals_per_failure"]
        if number  # neither infinite nor 0
    ] or [1.0]
    return min(numbers) / _MARGIN, max(numbers) * _MARGIN


def _within(value: float | None, low: float, high: float) -> float:
    """Clips goals per failure to the range of the axis; None is infinite."""
    return high if value is None else min(max(value, low), high)
