"""Evaluation: trials, their statistics, comparisons, learning curves and videos."""

from dactyl_jax.evaluation import pose_errors
from dactyl_jax.evaluation.comparison import SoonerTimeout, differences, draw_comparison, markdown
from dactyl_jax.evaluation.learning_curve import draw_learning_curve
from dactyl_jax.evaluation.limits_plot import draw_limits
from dactyl_jax.evaluation.recording import Recording, record, sample, write_recording
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
from dactyl_jax.evaluation.vision_curve import draw_vision_curve
from dactyl_jax.evaluation.vision_trials import Eye, run_vision_trials

__all__ = [
    "YEAR",
    "Eye",
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
    "draw_vision_curve",
    "goal_distance",
    "histogram",
    "markdown",
    "pose_errors",
    "record",
    "run_trials",
    "run_vision_trials",
    "runs_markdown",
    "sample",
    "summarize",
    "write_recording",
]
