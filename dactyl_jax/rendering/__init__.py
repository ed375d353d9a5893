"""Pictures and videos of the hand, by MJX's Warp ray tracer."""

from dactyl_jax.rendering.renderer import Renderer
from dactyl_jax.rendering.video import write_video

__all__ = ["Renderer", "write_video"]
