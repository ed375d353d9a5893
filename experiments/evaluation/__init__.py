"""Measuring policies: trials, what they show, and the paper's suite."""
