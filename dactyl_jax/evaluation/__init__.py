"""Evaluation: trials, their statistics, the learning curve and videos."""

from dactyl_jax.evaluation.learning_curve import draw_learning_curve
from dactyl_jax.evaluation.recording import Recording, record, write_recording
from dactyl_jax.evaluation.statistics import goal_distance, histogram, summarize
from dactyl_jax.evaluation.trials import Trials, run_trials

__all__ = [
    "Recording",
    "Trials",
    "draw_learning_curve",
    "goal_distance",
    "histogram",
    "record",
    "run_trials",
    "summarize",
    "write_recording",
]
