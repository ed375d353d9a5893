"""The camera views by MuJoCo's OpenGL renderer, in software where there is no GPU.

This second renderer tests whether an estimator depends on the first one; nothing is trained on it.
It needs EGL or OSMesa (Debian: libegl1, libopengl0 and libgl1-mesa-dri).
"""

import copy
import importlib
from typing import Any

import jax
import mujoco
import numpy as np

from dactyl_jax.errors import UserError
from dactyl_jax.hand.objects import VISUAL_GROUP
from dactyl_jax.hand.rig import TABLE, TABLE_GROUP, patterns
from dactyl_jax.rendering import looks as looks_lib
from dactyl_jax.rendering.looks import Looks

_LIGHT_DISTANCE = 1.0  # m from the palm, the viewpoint of shadow maps


class GlViews:
    """Renders frames of a model with cameras, one at a time; otherwise like `Views`.

    Args:
        model: the model; it is copied.
        size: width and height of an image, pixels.
        coarse: whether to use half of MuJoCo's default facets on round geoms and a quarter of its
            default shadow map width: 4 times as fast, and 1% of the pixels differ clearly.

    Raises:
        ValueError: the model has no cameras, the size is not positive, or there is no OpenGL.
    """

    name = "gl"

    def __init__(self, model: mujoco.MjModel, size: int, *, coarse: bool = True) -> None:
        if size < 1:
            raise UserError(f"size: {size} is too small; it must be 1 or more")
        self._cameras = looks_lib.camera_ids(model)
        self._gl = _context(size)
        self._gl.make_current()
        self._model = copy.copy(model)
        self._model.vis.global_.offwidth = self._model.vis.global_.offheight = size
        if coarse:
            quality = self._model.vis.quality
            quality.numslices, quality.numstacks, quality.shadowsize = 16, 8, 1024
        self._data = mujoco.MjData(self._model)
        self._table = self._model.geom(TABLE).id
        self._tables = [self._model.material(f"{TABLE}_{name}").id for name in patterns()]
        self._rectangle = mujoco.MjrRect(0, 0, size, size)
        self._context = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._scene = mujoco.MjvScene(self._model, maxgeom=1000)
        self._option = mujoco.MjvOption()
        self._option.geomgroup[:] = 0
        self._option.geomgroup[[VISUAL_GROUP, TABLE_GROUP]] = 1
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED

    def render(self, qpos: np.ndarray, looks: Looks) -> np.ndarray:
        """See `Views.render`."""
        self._gl.make_current()
        rows = jax.device_get(looks)
        return np.stack(
            [
                self._frame(qpos[i], jax.tree.map(lambda x, i=i: np.asarray(x)[i], rows))
                for i in range(len(qpos))
            ]
        )

    def close(self) -> None:
        """Releases the OpenGL context."""
        self._context.free()
        self._gl.free()

    def _frame(self, qpos: np.ndarray, looks: Any) -> np.ndarray:
        model, data = self._model, self._data
        model.cam_pos[self._cameras] = looks.camera_position
        model.cam_quat[self._cameras] = looks.camera_quaternion
        model.cam_fovy[self._cameras] = looks.field_of_view
        model.mat_rgba[:] = looks.rgba
        model.mat_specular[:] = looks.specular
        model.mat_shininess[:] = looks.shininess
        material = self._tables[looks.pattern]
        model.geom_matid[self._table] = material
        model.mat_rgba[material, :3] = looks.table
        data.qpos[:] = qpos
        mujoco.mj_kinematics(model, data)
        shines = (looks.light_colour > 0).any(axis=-1)
        model.light_active[:] = shines
        model.light_dir[:] = looks.light_direction
        palm = data.body("rh_palm").xpos
        model.light_pos[:] = palm - _LIGHT_DISTANCE * looks.light_direction
        model.light_diffuse[:] = looks.light_colour
        model.light_specular[:] = looks_lib.SPECULAR * looks.light_colour
        model.light_ambient[:] = looks.light_ambient / max(shines.sum(), 1)
        model.light_castshadow[:] = looks.light_shadow
        mujoco.mj_camlight(model, data)
        pictures = []
        for camera in self._cameras:
            self._camera.fixedcamid = int(camera)
            mujoco.mjv_updateScene(
                model,
                data,
                self._option,
                None,
                self._camera,
                mujoco.mjtCatBit.mjCAT_ALL,
                self._scene,
            )
            mujoco.mjr_render(self._rectangle, self._scene, self._context)
            size = self._rectangle.width
            picture = np.zeros((size, size, 3), np.uint8)
            mujoco.mjr_readPixels(picture, None, self._rectangle, self._context)
            pictures.append(picture[::-1])
        return np.stack(pictures)


def _context(size: int) -> Any:
    """An OpenGL context without a window."""
    failures = []
    for library in ("egl", "osmesa"):
        try:
            return importlib.import_module(f"mujoco.{library}").GLContext(size, size)
        # A missing library, a missing driver or a wrong platform setting may raise anything.
        except Exception as error:
            failures.append(f"{library}: {type(error).__name__}")
    raise UserError(
        f"renderer: there is no OpenGL here ({', '.join(failures)}); install libegl1, libopengl0 "
        "and libgl1-mesa-dri, or use the renderer warp"
    )
