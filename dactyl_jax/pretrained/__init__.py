"""Trained policies and a trained pose network that ship with the package."""

from dactyl_jax.pretrained.store import NAMES, continuation, folder, load, pack, policy
from dactyl_jax.pretrained.vision_store import load_vision, pack_vision

__all__ = [
    "NAMES",
    "continuation",
    "folder",
    "load",
    "load_vision",
    "pack",
    "pack_vision",
    "policy",
]
