"""The picture of a run: goals, drops and the curriculum against experience."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from dactyl_jax.evaluation import plotting
from dactyl_jax.evaluation.plotting import BLUE, GREEN, RED


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
    unit, name = plotting.steps_unit(steps.max())
    x = steps / unit

    figure = Figure(figsize=(8, 7.5), dpi=130, layout="constrained")
    panels = figure.subplots(3, 1, sharex=True, height_ratios=(3, 2, 2))
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
    panels[2].set_xlabel(name)
    for panel in panels:
        plotting.tidy(panel)
        panel.set_xlim(0, float(x.max()))
    plotting.years_axis(panels[0], unit * control_dt)
    plotting.save(figure, path)
