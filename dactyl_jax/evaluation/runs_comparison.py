"""Several runs in one figure: goal distance, goals and drops."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from dactyl_jax.evaluation import plotting

# Distinguishable by most people, including those with colour vision deficiency.
_COLOURS = ("#1f6fb4", "#c8553d", "#3a7d44", "#8a6bb1", "#c99a1e", "#3fa7b5", "#d977a8", "#5a5a5a")
_LEGEND = 100  # characters, plus 8 per entry, that fit side by side below the panels


@dataclasses.dataclass(frozen=True)
class RunCurve:
    """A run to compare.

    Attributes:
        name: a suffix `#2`, `#3` marks further seeds of the run named before it.
        control_dt: duration of a control step, s.
        rows: one per iteration, at least one, with `control_steps`, `wall_minutes`,
            `goals_per_minute`, `drops_per_minute` and `goal_distance` (rad).
    """

    name: str
    control_dt: float
    rows: Sequence[Mapping[str, float]]

    def values(self, key: str) -> np.ndarray:
        """One value per iteration."""
        return np.array([row[key] for row in self.rows], float)


def draw_runs(runs: Sequence[RunCurve], path: Path, *, title: str, x: str) -> None:
    """Draws a PNG, written atomically; seeds of one run share a colour.

    Args:
        runs: with equal `control_dt` if `x` is `steps`.
        path: output file.
        title: title of the figure.
        x: `wall` for wall-clock minutes, or `steps` for control steps.
    """
    key, unit, name = "wall_minutes", 1.0, "wall-clock minutes"
    if x == "steps":
        key = "control_steps"
        unit, name = plotting.steps_unit(max(run.rows[-1][key] for run in runs))
    families = [run.name.partition("#")[0] for run in runs]
    order = list(dict.fromkeys(families))

    figure = Figure(figsize=(8.5, 8.5), dpi=130, layout="constrained")
    panels = figure.subplots(3, 1, sharex=True)
    figure.suptitle(title, fontsize=12, fontweight="bold")
    plotting.goal_distance_axis(panels[0])
    panels[1].set_ylabel("goals per\nenvironment-minute")
    panels[2].set_ylabel("drops per\nenvironment-minute")
    for run, family in zip(runs, families, strict=True):
        colour = _COLOURS[order.index(family) % len(_COLOURS)]
        at = run.values(key) / unit
        distance = np.degrees(run.values("goal_distance"))
        panels[0].step(at, distance, where="post", color=colour, linewidth=1.8)
        for panel, rate in zip(panels[1:], ("goals_per_minute", "drops_per_minute"), strict=True):
            panel.plot(at, plotting.smooth(run.values(rate)), color=colour, linewidth=1.8)
    for panel in panels:
        plotting.tidy(panel)
    for panel in panels[1:]:
        panel.set_ylim(bottom=0)
    panels[2].set_xlabel(name)
    panels[2].set_xlim(0, max(run.rows[-1][key] for run in runs) / unit)
    if x == "steps":
        plotting.years_axis(panels[0], unit * runs[0].control_dt)
    figure.align_ylabels(panels)
    handles = [
        panels[0].plot([], [], color=_COLOURS[i % len(_COLOURS)], linewidth=2.5, label=family)[0]
        for i, family in enumerate(order)
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=max(min(len(order), 4, _LEGEND // (max(map(len, order)) + 8)), 1),
        frameon=False,
        fontsize=9,
    )
    plotting.save(figure, path)
