"""MJX's Warp ray tracer: batches of images on a CPU or a GPU, without OpenGL."""

import copy
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import mujoco
from mujoco import mjx

from dactyl_jax.errors import UserError
from dactyl_jax.hand.objects import VISUAL_GROUP

BACKGROUND = (0.60, 0.61, 0.60, 0.0)  # not opaque, to distinguish it from what rays hit


class RayTracer:
    """Renders the views of some cameras of a model.

    Args:
        model: model whose visual geoms are rendered.
        cameras: names of its cameras.
        width, height: size of the images, pixels.
        batch: states rendered in one call.
        samples: rays per pixel and axis; 2 smooths edges at 4 times the cost.
        shadow: fraction of a light that reaches shadowed points.
        ambient: whether lights have ambient parts.

    Attributes:
        model: the MJX model. `trace` takes it, or a copy whose fields differ between states.
        data: data of one state, in the reference pose, with cameras and lights in place.

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
                raise UserError(f"{name}: {size} is too small; it must be 1 or more")
        # Warp has no automatic reset, so the flag must go. Contacts need no capacity here.
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
        """Renders a batch; to be called in a compiled function.

        Args:
            model: `model`, or a copy in which rendered fields have a leading `[batch]`.
            data: `[batch, ...]`, after kinematics.

        Returns:
            `[batch, camera, height, width]` uint32, packed as by `pack`. A ray that hits nothing
            gives `BACKGROUND`, the only colour that is not `opaque`.
        """
        context = self._context.pytree()
        data = mjx.refit_bvh(model, data, context)
        packed, _, _ = mjx.render(model, data, context)
        return packed.reshape(-1, *self._shape)  # cameras are concatenated


def pack(colours: jax.Array) -> jax.Array:
    """Packs colours `[..., 3]` uint8 as opaque pixels `[...]` uint32: opacity, red, green, blue."""
    red, green, blue = (colours[..., i].astype(jnp.uint32) for i in range(3))
    return jnp.uint32(0xFF000000) | red << 16 | green << 8 | blue


def unpack(pixels: jax.Array) -> jax.Array:
    """Inverse of `pack`, for any opacity."""
    shifts = jnp.array([16, 8, 0], jnp.uint32)
    return (pixels[..., None] >> shifts).astype(jnp.uint8)


def opaque(pixels: jax.Array) -> jax.Array:
    """Whether each packed pixel shows something."""
    return pixels >> 24 > 0
