"""Evaluation: trials, their statistics, comparisons, learning curves and videos."""

from dactyl_jax.evaluation import grasps, pose_errors, sensitivity
from dactyl_jax.evaluation.comparison import SoonerTimeout, differences, draw_comparison, markdown
from dactyl_jax.evaluation.learning_curve import draw_learning_curve
from dactyl_jax.evaluation.limits_plot import draw_limits
from dactyl_jax.evaluation.memory_probe import probe, record_episodes
from dactyl_jax.evaluation.recording import (
    Played,
    Recording,
    play,
    record,
    sample,
    write_recording,
)
from dactyl_jax.evaluation.runs_comparison import RunCurve, draw_runs
from dactyl_jax.evaluation.sensitivity_plot import draw_sensitivity
from dactyl_jax.evaluation.statistics import (
    YEAR,
    confidence_interval,
    difference_interval,
    goal_distance,
    histogram,
    mean_over_runs,
    ratio_of_sums,
    ratio_over_runs,
    summarize,
)
from dactyl_jax.evaluation.study import study_markdown, study_pictures, study_sections
from dactyl_jax.evaluation.throughput_plot import draw_throughput
from dactyl_jax.evaluation.told_table import told_markdown
from dactyl_jax.evaluation.trials import Trials, run_trials
from dactyl_jax.evaluation.vision_curve import draw_vision_curve
from dactyl_jax.evaluation.vision_trials import Eye, run_vision_trials

__all__ = [
    "YEAR",
    "Eye",
    "Played",
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
    "draw_sensitivity",
    "draw_throughput",
    "draw_vision_curve",
    "goal_distance",
    "grasps",
    "histogram",
    "markdown",
    "mean_over_runs",
    "play",
    "pose_errors",
    "probe",
    "ratio_of_sums",
    "ratio_over_runs",
    "record",
    "record_episodes",
    "run_trials",
    "run_vision_trials",
    "sample",
    "sensitivity",
    "study_markdown",
    "study_pictures",
    "study_sections",
    "summarize",
    "told_markdown",
    "write_recording",
]
