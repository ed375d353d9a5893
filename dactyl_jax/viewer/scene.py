"""The 3D scene in the browser: the hand, the object and the goal beside it."""

import mujoco
import numpy as np
import viser
from mjviser import ViserMujocoScene

from dactyl_jax.hand import model as assembly
from dactyl_jax.hand import objects

_EYE = np.array([0.36, 0.07, 0.29])  # m from the palm's centre, the initial viewpoint
_TARGET = np.array([0.0, 0.05, -0.005])
_FIELD_OF_VIEW = np.radians(34)
_TABLE = assembly.PALM_POSITION - (0.0, 0.0, 0.16)
_UNSEEN = np.array([0.0, 0.0, -10.0])  # below the table
_SKY_TOP, _SKY_BOTTOM = np.array([226.0, 231.0, 236.0]), np.array([198.0, 205.0, 212.0])
_STROKE = 0.0011  # m, half the width of a letter's strokes


class Scene:
    """Draws one hand; the user moves the camera in the browser.

    Args:
        server: server of the page.
        object: one of `hand.OBJECTS`.
        tilt: angle between the palm and the horizontal, rad.
    """

    def __init__(self, server: viser.ViserServer, object: str, tilt: float) -> None:
        model = make_model(object, tilt)
        self._data = mujoco.MjData(model)
        server.scene.set_up_direction("+z")
        camera = server.initial_camera
        camera.position = assembly.PALM_POSITION + _EYE
        camera.look_at = assembly.PALM_POSITION + _TARGET
        camera.fov = _FIELD_OF_VIEW
        self._scene = ViserMujocoScene(server, model, num_envs=1)
        self._scene.camera_tracking_enabled = False
        server.scene.configure_environment_map(environment_intensity=0.5)
        sky = np.linspace(_SKY_TOP, _SKY_BOTTOM, 256).astype(np.uint8)
        server.scene.set_background_image(np.repeat(sky[:, None], 16, axis=1), format="png")
        server.scene.add_grid(
            "/table",
            infinite_grid=True,
            cell_size=0.05,
            cell_color=(176, 183, 190),
            section_size=0.25,
            section_color=(160, 168, 176),
            fade_distance=3.0,
            plane_color=(205, 211, 217),
            plane_opacity=1.0,
            shadow_opacity=0.3,
            position=_TABLE,
        )
        self.draw(model.qpos0, None)

    def draw(self, qpos: np.ndarray, goal: np.ndarray | None) -> None:
        """Shows a state.

        Args:
            qpos: joint angles and the object's pose, `[31]`.
            goal: orientation in the world frame, `[4]`; None hides the goal.
        """
        self._data.qpos[:] = qpos
        self._data.mocap_pos[0] = _UNSEEN if goal is None else assembly.GOAL_POSITION
        if goal is not None:
            self._data.mocap_quat[0] = goal
        mujoco.mj_kinematics(self._scene.mj_model, self._data)
        self._scene.update_from_mjdata(self._data)


def make_model(object: str, tilt: float) -> mujoco.MjModel:
    """The model for display: that of videos, with letters that need no texture."""
    spec = assembly.make_spec(
        object, tilt=tilt, finger_collisions=False, locked_wrist=False, goal=True, patch=""
    )
    for geom in spec.worldbody.geoms:  # the table; the page draws its own
        spec.delete(geom)
    if object == "block":
        for name in ("object", "goal"):
            _add_letters(spec.body(name))
    return spec.compile()


def blend(before: np.ndarray, after: np.ndarray, share: float) -> np.ndarray:
    """Interpolates between two states, for frames between control steps.

    Args:
        before, after: qpos `[31]`; the last four numbers are the object's orientation.
        share: weight of `after`, 0 to 1.
    """
    sign = np.where(before[-4:] @ after[-4:] < 0, -1.0, 1.0)
    start = np.concatenate([before[:-4], sign * before[-4:]])
    result = start + share * (after - start)
    result[-4:] /= np.linalg.norm(result[-4:])
    return result


def _add_letters(body: mujoco.MjsBody) -> None:
    """Draws the letters of a block's faces as slightly raised strokes."""
    half = objects.BLOCK_HALF_EDGE
    scale = 0.5 * half  # letters are defined in a square of half-width 1 and fill half of a face
    for face, strokes in zip(objects.FACES, objects.LETTERS.values(), strict=True):
        for x0, y0, x1, y1 in strokes:
            ends = np.array([[x0, y0, 0.0], [x1, y1, 0.0]]) * scale + (0.0, 0.0, half)
            for end in ends:
                mujoco.mju_rotVecQuat(end, end.copy(), np.array(face, float))
            body.add_geom(
                type=mujoco.mjtGeom.mjGEOM_CAPSULE,
                fromto=ends.ravel(),
                size=[_STROKE, 0, 0],
                rgba=objects.DARK,
                contype=0,
                conaffinity=0,
                mass=0,
                group=objects.VISUAL_GROUP,
            )
