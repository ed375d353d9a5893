"""Learning curve of a run: goals, drops and the curriculum against experience."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dactyl_jax.evaluation import plotting
from dactyl_jax.evaluation.plotting import BLUE, GREEN, GREY, RED


def draw_learning_curve(
    rows: Sequence[Mapping[str, float]], path: Path, *, title: str, control_dt: float
) -> None:
    """Draws a PNG, written atomically.

    Args:
        rows: one per iteration, with `control_steps`, `goals_per_minute`, `drops_per_minute` and
            `goal_distance` (rad); with randomisation also `full_goals` and `full_failures`, and
            with automatic domain randomisation also `reference_goals` and `reference_failures`.
        path: output file.
        title: title of the figure.
        control_dt: duration of a control step, s.
    """
    steps = np.array([row["control_steps"] for row in rows], float)
    unit, name = plotting.steps_unit(steps.max())
    x = steps / unit

    randomised = "full_goals" in rows[0]
    figure = Figure(figsize=(8, 10 if randomised else 7.5), dpi=130, layout="constrained")
    heights = (3, 2, 2, 2) if randomised else (3, 2, 2)
    panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    figure.suptitle(title, fontsize=12, fontweight="bold")
    for panel, key, colour, label in (
        (panels[0], "goals_per_minute", BLUE, "goals per\nenvironment-minute"),
        (panels[1], "drops_per_minute", RED, "drops per\nenvironment-minute"),
    ):
        values = np.array([row[key] for row in rows], float)
        panel.plot(x, values, color=colour, alpha=0.25, linewidth=0.8)
        panel.plot(x, plotting.smooth(values), color=colour, linewidth=2)
        panel.set_ylabel(label)
        panel.set_ylim(0, 1.1 * max(float(np.max(values)), 1e-3))
    distance = np.degrees([row["goal_distance"] for row in rows])
    panels[2].step(x, distance, where="post", color=GREEN, linewidth=2)
    plotting.goal_distance_axis(panels[2])
    if randomised:
        _draw_goals_per_failure(panels[3], x, rows)
    panels[-1].set_xlabel(name)
    for panel in panels:
        plotting.tidy(panel)
        panel.margins(x=0)
    plotting.years_axis(panels[0], unit * control_dt)
    plotting.save(figure, path)


def goals_per_failure(rows: Sequence[Mapping[str, float]], kind: str) -> np.ndarray:
    """Goals over drops and time-outs, both smoothed, `[iteration]`; nan where nothing failed.

    Args:
        rows: as for `draw_learning_curve`.
        kind: kind of episodes, `full` or `reference`.
    """
    goals, failures = (
        plotting.smooth(np.array([row[f"{kind}_{what}"] for row in rows], float))
        for what in ("goals", "failures")
    )
    return np.divide(goals, failures, out=np.full_like(goals, np.nan), where=failures > 0)


def _draw_goals_per_failure(
    panel: Axes, x: np.ndarray, rows: Sequence[Mapping[str, float]]
) -> None:
    panel.plot(x, goals_per_failure(rows, "full"), color=BLUE, label="at full strength")
    if "reference_goals" in rows[0]:
        reference = goals_per_failure(rows, "reference")
        panel.plot(x, reference, color=GREY, label="without randomisation")
    panel.set_ylabel("goals per failure")
    panel.set_ylim(bottom=0)
    panel.legend(fontsize=8, frameon=False)
