"""Evaluation: trials, their statistics, comparisons, the learning curve and videos."""

from dactyl_jax.evaluation.comparison import SoonerTimeout, differences, draw_comparison, markdown
from dactyl_jax.evaluation.learning_curve import draw_learning_curve
from dactyl_jax.evaluation.limits_plot import draw_limits
from dactyl_jax.evaluation.recording import Recording, record, write_recording
from dactyl_jax.evaluation.statistics import (
    confidence_interval,
    difference_interval,
    goal_distance,
    histogram,
    summarize,
)
from dactyl_jax.evaluation.trials import Trials, run_trials

__all__ = [
    "Recording",
    "SoonerTimeout",
    "Trials",
    "confidence_interval",
    "difference_interval",
    "differences",
    "draw_comparison",
    "draw_learning_curve",
    "draw_limits",
    "goal_distance",
    "histogram",
    "markdown",
    "record",
    "run_trials",
    "summarize",
    "write_recording",
]
