"""MJX's Warp ray tracer: batches of pictures on a CPU or a GPU, without OpenGL."""

import copy
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import mujoco
from mujoco import mjx

from dactyl_jax.errors import UserError
from dactyl_jax.hand.objects import VISUAL_GROUP

BACKGROUND = (0.60, 0.61, 0.60, 0.0)  # not opaque, to be told from what is hit


class RayTracer:
    """Draws what some cameras of a model see.

    Args:
        model: whose visual geoms are drawn.
        cameras: names of its cameras.
        width, height: of the pictures, in pixels.
        batch: states drawn in one call.
        samples: rays per pixel and axis; 2 smooths edges at 4 times the cost.
        shadow: share of a light that reaches what lies in its shadow.
        ambient: whether lights have ambient parts.

    Attributes:
        model: in MJX. `trace` takes it, or one with fields of their own for each state.
        data: of one state, in the reference pose, with cameras and lights in their places.

    Raises:
        ValueError: the model has no such camera, or a size is not positive.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        cameras: Sequence[str],
        width: int,
        height: int,
        *,
        batch: int,
        samples: int = 1,
        shadow: float = 0.45,
        ambient: bool = True,
    ) -> None:
        known = [model.camera(i).name for i in range(model.ncam)]
        for camera in cameras:
            if camera not in known:
                raise UserError(f"camera: {camera!r} is unknown; it may be {', '.join(known)}")
        for name, size in (("width", width), ("height", height), ("batch", batch)):
            if size < 1:
                raise UserError(f"{name}: {size} is too small; it may be 1 or more")
        # Warp knows no automatic reset, hence no way to disable it. Contacts need no room here.
        model = copy.copy(model)
        model.opt.disableflags &= ~int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)
        self.model = mjx.put_model(model, impl="warp")
        data = mujoco.MjData(model)
        mujoco.mj_kinematics(model, data)
        mujoco.mj_camlight(model, data)
        self.data = mjx.put_data(model, data, impl="warp", naconmax=1, njmax=1)
        self._shape = (len(cameras), height, width)
        self._context = mjx.create_render_context(
            model,
            nworld=batch,
            cam_res=(width, height),
            cam_active=list(cameras),
            render_rgb=True,
            render_depth=False,
            enabled_geom_groups=[VISUAL_GROUP],
            use_shadows=True,
            shadow_light_fraction=shadow,
            enable_per_light_ambient=ambient,
            samples_per_pixel=samples,
            background_color=BACKGROUND,
        )

    def trace(self, model: mjx.Model, data: mjx.Data) -> jax.Array:
        """Pictures of a batch; to be called in a compiled function.

        Args:
            model: `model`, or one in which fields that are drawn with have a leading `[batch]`.
            data: `[batch, ...]`, as kinematics leaves it.

        Returns:
            `[batch, camera, height, width]` uint32, packed as `pack` does; where a ray met nothing
            is `BACKGROUND`, which alone is not `opaque`.
        """
        context = self._context.pytree()
        data = mjx.refit_bvh(model, data, context)
        packed, _, _ = mjx.render(model, data, context)
        return packed.reshape(-1, *self._shape)  # cameras one after the other


def pack(colours: jax.Array) -> jax.Array:
    """Opaque pixels `[...]` uint32 of colours `[..., 3]` uint8: opacity, red, green and blue."""
    red, green, blue = (colours[..., i].astype(jnp.uint32) for i in range(3))
    return jnp.uint32(0xFF000000) | red << 16 | green << 8 | blue


def unpack(pixels: jax.Array) -> jax.Array:
    """The inverse of `pack`, whatever the opacity."""
    shifts = jnp.array([16, 8, 0], jnp.uint32)
    return (pixels[..., None] >> shifts).astype(jnp.uint8)


def opaque(pixels: jax.Array) -> jax.Array:
    """Which packed pixels show something."""
    return pixels >> 24 > 0
