"""Fits the simulated hand to a real one: the motions that show it, and the fit."""
