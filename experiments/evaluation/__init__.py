"""Evaluation of policies: trials, their results, and the paper's suite."""
