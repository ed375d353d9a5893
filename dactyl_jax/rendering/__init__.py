"""Images and videos, by MJX's Warp ray tracer and, for comparison, by MuJoCo's OpenGL renderer."""

from dactyl_jax.rendering.gl import GlViews
from dactyl_jax.rendering.looks import Looks, nominal
from dactyl_jax.rendering.picture import write_picture
from dactyl_jax.rendering.processes import ParallelViews
from dactyl_jax.rendering.renderer import Renderer
from dactyl_jax.rendering.video import write_video
from dactyl_jax.rendering.views import Views

__all__ = [
    "GlViews",
    "Looks",
    "ParallelViews",
    "Renderer",
    "Views",
    "nominal",
    "write_picture",
    "write_video",
]
