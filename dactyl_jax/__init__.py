"""Dactyl in JAX: a simulated Shadow hand learns to turn objects in its palm."""
