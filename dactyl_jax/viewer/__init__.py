"""An interactive viewer of the hand in a browser."""

from dactyl_jax.viewer.panel import Panel
from dactyl_jax.viewer.play import Play, World
from dactyl_jax.viewer.pose_overlay import PoseOverlay
from dactyl_jax.viewer.replay import Replay, describe, states
from dactyl_jax.viewer.scene import Scene
from dactyl_jax.viewer.server import address, serve
from dactyl_jax.viewer.viewer import Viewer

__all__ = [
    "Panel",
    "Play",
    "PoseOverlay",
    "Replay",
    "Scene",
    "Viewer",
    "World",
    "address",
    "describe",
    "serve",
    "states",
]
