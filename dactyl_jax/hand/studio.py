"""Cameras, lights and a table for rendering."""

import mujoco
import numpy as np

CAMERAS = ("front", "top", "side")


def add_studio(spec: mujoco.MjSpec, centre: np.ndarray) -> None:
    """Adds the cameras `CAMERAS`, lights and a table; all cameras look at `centre` [3] m, the palm.

    The table is purely visual: nothing collides with it.
    """
    for name, eye, target, field_of_view in (
        ("front", (0.29, 0.05, 0.30), (0.012, 0.047, -0.005), 36),
        ("top", (0.02, 0.05, 0.50), (0.015, 0.05, 0.0), 36),
        ("side", (0.10, -0.45, 0.20), (0.0, 0.0, 0.0), 40),
    ):
        spec.worldbody.add_camera(
            name=name,
            pos=centre + eye,
            quat=_look(np.array(eye), np.array(target)),
            fovy=field_of_view,
        )
    for eye, brightness, shadow in (
        ((0.35, 0.45, 0.90), 0.62, True),
        ((0.30, -0.60, 0.50), 0.26, False),
        ((-0.60, 0.10, 0.60), 0.18, False),
    ):
        spec.worldbody.add_light(
            type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
            pos=centre + eye,
            dir=-np.array(eye) / np.linalg.norm(eye),
            diffuse=[brightness] * 3,
            specular=[0.25 * brightness] * 3,
            ambient=[0.11] * 3,
            castshadow=shadow,
        )
    spec.visual.headlight.active = False
    spec.worldbody.add_geom(
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[3, 3, 0.1],
        pos=[0, 0, centre[2] - 0.16],
        contype=0,
        conaffinity=0,
        rgba=[0.60, 0.61, 0.60, 1],
    )


def _look(eye: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Quaternion of a camera at `eye` that looks at `target`, with world z up in the image."""
    backward = (eye - target) / np.linalg.norm(eye - target)
    right = np.cross([0.0, 0.0, 1.0], backward)
    right = right / np.linalg.norm(right)
    quaternion = np.zeros(4)
    axes = np.stack([right, np.cross(backward, right), backward], axis=1)
    mujoco.mju_mat2Quat(quaternion, axes.ravel())
    return quaternion
