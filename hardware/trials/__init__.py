"""Trials on a hand: goals, the guarded control loop, the log and the report."""
