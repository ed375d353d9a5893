"""Trained policies that come with the package."""

from dactyl_jax.pretrained.store import NAMES, folder, load, pack, policy

__all__ = ["NAMES", "folder", "load", "pack", "policy"]
