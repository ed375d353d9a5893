"""Fits the simulated hand to a real one: the motions to record, and the fit."""
