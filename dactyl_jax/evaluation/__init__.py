"""Evaluation: trials, their statistics, comparisons, learning curves and videos."""

from dactyl_jax.evaluation.comparison import SoonerTimeout, differences, draw_comparison, markdown
from dactyl_jax.evaluation.learning_curve import draw_learning_curve
from dactyl_jax.evaluation.limits_plot import draw_limits
from dactyl_jax.evaluation.recording import Recording, record, write_recording
from dactyl_jax.evaluation.runs_comparison import RunCurve, draw_runs, runs_markdown
from dactyl_jax.evaluation.statistics import (
    YEAR,
    confidence_interval,
    difference_interval,
    goal_distance,
    histogram,
    summarize,
)
from dactyl_jax.evaluation.throughput_plot import draw_throughput
from dactyl_jax.evaluation.trials import Trials, run_trials

__all__ = [
    "YEAR",
    "Recording",
    "RunCurve",
    "SoonerTimeout",
    "Trials",
    "confidence_interval",
    "difference_interval",
    "differences",
    "draw_comparison",
    "draw_learning_curve",
    "draw_limits",
    "draw_runs",
    "draw_throughput",
    "goal_distance",
    "histogram",
    "markdown",
    "record",
    "run_trials",
    "runs_markdown",
    "summarize",
    "write_recording",
]
