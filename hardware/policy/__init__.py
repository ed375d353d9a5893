"""Computes actuator targets from the hand's readings, as in training."""
