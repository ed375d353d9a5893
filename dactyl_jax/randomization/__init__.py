"""What is randomised, one small pure function a term, with its law in the configuration."""

from dactyl_jax.randomization import physics, sensing
from dactyl_jax.randomization.presets import PRESETS, enabled

__all__ = ["PRESETS", "enabled", "physics", "sensing"]
