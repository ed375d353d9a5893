"""Evaluation: trials, their statistics and the learning curve."""

from dactyl_jax.evaluation.agents import Agent, random_agent, zero_agent
from dactyl_jax.evaluation.statistics import goal_distance, histogram, summarize
from dactyl_jax.evaluation.trials import Trials, run_trials

__all__ = [
    "Agent",
    "Trials",
    "goal_distance",
    "histogram",
    "random_agent",
    "run_trials",
    "summarize",
    "zero_agent",
]
