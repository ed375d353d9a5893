"""Three cameras around the palm, with the lights and the table that their images show."""

import dataclasses
import itertools
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path

import mujoco
import numpy as np

from dactyl_jax.errors import UserError
from dactyl_jax.hand.objects import VISUAL_GROUP

TABLE = "table"  # name of the geom below the hand
TABLE_GROUP = 1  # group of that geom; the geoms beside it are in `VISUAL_GROUP`
TABLE_DEPTH = 0.16  # m below the palm
PATTERN_PERIOD = 0.2  # m after which the table's patterns repeat
LIGHTS = 6  # directional ones; the appearance determines how many are on
_DISTANCE = 0.5  # m from the cameras to the point they look at
_ELEVATION = math.radians(50)  # above the plane of the palm
_FIELD_OF_VIEW = 30.0  # degrees: 27 cm at that distance
# The point they look at, in the frame of `rh_forearm` [m]: a block that rests in the palm.
_TARGET = np.array([0.050, 0.0, 0.305])
_TABLE_HALF = 4.0  # m
_PATTERN_PIXELS = 64


@dataclasses.dataclass(frozen=True)
class Camera:
    """A pinhole camera with square pixels, calibrated to the hand.

    Attributes:
        name: name of a camera of the rig.
        position: [3] m, in the frame of `rh_forearm`.
        quaternion: [4] (w, x, y, z), orientation in that frame; the camera looks along -z, x points
            right and y up in the image.
        field_of_view: vertical, degrees.
    """

    name: str
    position: tuple[float, ...]
    quaternion: tuple[float, ...]
    field_of_view: float


def _around(name: str, azimuth: float) -> Camera:
    """A camera of the rig, rotated `azimuth` degrees about the palm's normal from the direction of
    the fingers towards the thumb."""
    angle = math.radians(azimuth)
    # In the forearm's frame the palm faces x, the thumb is on the y side, and the fingers point
    # along z.
    direction = np.array(
        [
            math.sin(_ELEVATION),
            math.cos(_ELEVATION) * math.sin(angle),
            math.cos(_ELEVATION) * math.cos(angle),
        ]
    )
    right = np.cross([1.0, 0.0, 0.0], direction)
    right /= np.linalg.norm(right)
    quaternion = np.zeros(4)
    axes = np.stack([right, np.cross(direction, right), direction], axis=1)
    mujoco.mju_mat2Quat(quaternion, axes.ravel())
    position = _TARGET + _DISTANCE * direction
    return Camera(name, tuple(position.tolist()), tuple(quaternion.tolist()), _FIELD_OF_VIEW)


RIG = (_around("fingers", 0.0), _around("thumb", 120.0), _around("little", -120.0))


def write_rig(path: str | os.PathLike[str], cameras: Sequence[Camera]) -> None:
    """Writes cameras as a JSON list of objects with the fields of `Camera`."""
    rows = [dataclasses.asdict(camera) for camera in cameras]
    Path(path).write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def read_rig(path: str | os.PathLike[str]) -> tuple[Camera, ...]:
    """Reads a file written by `write_rig`.

    Raises:
        ValueError: the file does not exist, or does not describe the three cameras of `RIG`, or
            one of them does not see the palm.
    """
    try:
        rows = json.loads(Path(path).read_text(encoding="utf-8"))
        cameras = tuple(
            Camera(
                str(row["name"]),
                _numbers(row["position"], 3),
                _numbers(row["quaternion"], 4),
                float(row["field_of_view"]),
            )
            for row in rows
        )
    except OSError:
        raise UserError(
            f"cameras: there is no calibration {str(path)!r}; create it, or leave the field empty "
            "for the rig of the simulation"
        ) from None
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"cameras: {str(path)!r} is not a calibration ({type(error).__name__}: {error}); it "
            "must be a list of objects with name, position, quaternion and field_of_view"
        ) from None
    refuse_rig(cameras, f"cameras: {str(path)!r}")
    return cameras


def refuse_rig(cameras: Sequence[Camera], where: str) -> None:
    """Refuses cameras that are not a rig around the palm.

    Args:
        cameras: of a calibration.
        where: where they come from, for messages.

    Raises:
        ValueError: names the camera and what is wrong.
    """
    names = [camera.name for camera in RIG]
    if [camera.name for camera in cameras] != names:
        raise UserError(
            f"{where} calibrates {[c.name for c in cameras]}; it must be {names}, in this order"
        )
    for camera in cameras:
        if abs(np.linalg.norm(camera.quaternion) - 1) > 1e-3 or not 1 < camera.field_of_view < 120:
            raise UserError(
                f"{where}: {camera.name} needs a unit quaternion and a field_of_view of 1 to 120 "
                "degrees"
            )
        if not _sees(camera, _TARGET):
            place = ", ".join(f"{x:.3f}" for x in camera.position)
            raise UserError(
                f"{where}: {camera.name}, at {place} m, does not see a block in the palm, at "
                f"{', '.join(f'{x:.3f}' for x in _TARGET)} m in the frame of rh_forearm; correct "
                "its pose"
            )


def _sees(camera: Camera, point: np.ndarray) -> bool:
    """Whether a point, [3] m in the frame of `rh_forearm`, lies within a camera's square image."""
    axes = np.zeros(9)
    mujoco.mju_quat2Mat(axes, np.array(camera.quaternion))
    right, up, back = axes.reshape(3, 3).T @ (point - np.array(camera.position))
    return max(abs(right), abs(up)) < -back * math.tan(math.radians(camera.field_of_view) / 2)


def _numbers(values: object, count: int) -> tuple[float, ...]:
    numbers = np.array(values, float)
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise ValueError(f"{values!r} is not {count} numbers")
    return tuple(numbers.tolist())


def add_rig(spec: mujoco.MjSpec, cameras: Sequence[Camera], palm: np.ndarray) -> None:
    """Adds cameras, `LIGHTS` lights and a table; every visible geom gets a material.

    Args:
        spec: specification with the hand and the object.
        cameras: cameras to attach to `rh_forearm`.
        palm: [3] m, world position of the palm.
    """
    for camera in cameras:
        spec.body("rh_forearm").add_camera(
            name=camera.name,
            pos=camera.position,
            quat=camera.quaternion,
            fovy=camera.field_of_view,
        )
    for i, (x, y, z) in enumerate(_light_directions()):
        spec.worldbody.add_light(
            name=f"light_{i}",
            type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
            pos=palm - 1.0 * np.array([x, y, z]),
            dir=[x, y, z],
            diffuse=[0.32] * 3,
            specular=[0.15] * 3,
            ambient=[0.1] * 3,
            castshadow=i == 0,
            active=i < 3,
        )
    spec.visual.headlight.active = False
    spec.worldbody.add_geom(
        name=TABLE,
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[_TABLE_HALF, _TABLE_HALF, 0.1],
        group=TABLE_GROUP,
        pos=[0, 0, palm[2] - TABLE_DEPTH],
        contype=0,
        conaffinity=0,
        material=table_materials(spec)[0],
    )
    _give_materials(spec)


def _light_directions() -> list[tuple[float, float, float]]:
    """Directions of lights spaced evenly about the vertical, 50 degrees above the table."""
    angles = [math.pi * (0.25 + 2 * i * 2 / LIGHTS + (i >= LIGHTS // 2) / 3) for i in range(LIGHTS)]
    low, high = math.cos(math.radians(50)), math.sin(math.radians(50))
    return [(-low * math.cos(a), -low * math.sin(a), -high) for a in angles]


def table_materials(spec: mujoco.MjSpec) -> list[str]:
    """Names of the table's materials, one for each of `patterns`; creates missing ones."""
    names = []
    for name, pattern in patterns().items():
        names.append(f"{TABLE}_{name}")
        if spec.material(names[-1]) is not None:
            continue
        material = spec.add_material(
            name=names[-1], rgba=[0.60, 0.61, 0.60, 1], specular=0.1, shininess=0.1
        )
        grey = np.round(255 * pattern).astype(np.uint8)
        texture = spec.add_texture(
            name=names[-1],
            type=mujoco.mjtTexture.mjTEXTURE_2D,
            width=grey.shape[1],
            height=grey.shape[0],
            nchannel=3,
        )
        texture.data = np.repeat(grey[..., None], 3, axis=-1).tobytes()
        material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = names[-1]
        material.texrepeat = 2 * [2 * _TABLE_HALF / PATTERN_PERIOD]
    return names


def patterns() -> dict[str, np.ndarray]:
    """Patterns that multiply the table's colour, 0 to 1; they tile seamlessly, [row, column] along
    the table's -y and x."""
    x, y = np.meshgrid(*2 * [np.arange(_PATTERN_PIXELS) / _PATTERN_PIXELS])
    rng = np.random.default_rng(0)
    clouds = np.zeros_like(x)
    for across, down in itertools.product(range(-4, 5), range(5)):
        height = rng.normal() / max(math.hypot(across, down), 1.0)
        clouds += height * np.cos(2 * np.pi * (across * x + down * y) + rng.uniform(0, 2 * np.pi))
    pictures = {
        "plain": np.ones_like(x),
        "checks": (np.floor(4 * x) + np.floor(4 * y)) % 2,
        "stripes": 0.5 + 0.5 * np.sin(2 * np.pi * 4 * (x + y)),
        "clouds": (clouds - clouds.min()) / np.ptp(clouds),
    }
    return {name: 0.35 + 0.65 * picture for name, picture in pictures.items()}


def _give_materials(spec: mujoco.MjSpec) -> None:
    """Gives each visible geom without a material one of its colour, so that it can be varied."""
    for geom in spec.geoms:
        if geom.group != VISUAL_GROUP or geom.material:
            continue
        colour = [float(c) for c in geom.rgba]
        # The hand's and the object's materials vary independently.
        owner = "hand" if geom.parent.name.startswith("rh_") else geom.parent.name
        name = f"{owner}_" + "_".join(f"{c:.3f}" for c in colour)
        if spec.material(name) is None:
            spec.add_material(name=name, rgba=colour, specular=0.2, shininess=0.3)
        geom.material = name
