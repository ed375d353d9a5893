"""The objects that the hand rotates: a 5 cm block, an octagonal prism and a sphere.

Each has collision geoms, an explicit mass and inertia, and markings that reveal its orientation.
All have the same density, at which the block weighs 78 g.
"""

import dataclasses
from collections.abc import Callable

import mujoco
import numpy as np

from dactyl_jax.errors import UserError

DENSITY = 620.0  # kg/m3
BLOCK_HALF_EDGE = 0.025  # m
PRISM_INRADIUS = 0.024  # m, half the distance between opposite sides
PRISM_HALF_LENGTH = 0.030  # m
SPHERE_RADIUS = 0.027  # m

FRICTION = (1.0, 0.005, 0.0001)  # sliding [1], torsional [m], rolling [m]
VISUAL_GROUP, COLLISION_GROUP = 0, 3

DARK = (0.13, 0.14, 0.16, 1.0)
LIGHT = (0.93, 0.93, 0.91, 1.0)
COLOURS = (
    (0.84, 0.14, 0.15, 1.0),  # red
    (0.13, 0.38, 0.78, 1.0),  # blue
    (0.98, 0.80, 0.14, 1.0),  # yellow
    (0.15, 0.60, 0.30, 1.0),  # green
    (0.97, 0.50, 0.12, 1.0),  # orange
    (0.52, 0.26, 0.68, 1.0),  # purple
    (0.14, 0.66, 0.70, 1.0),  # teal
    (0.92, 0.55, 0.68, 1.0),  # pink
)

# Quaternions that rotate +z onto the face directions +x, -x, +y, -y, +z, -z.
_H = np.sqrt(0.5)
FACES = (
    (_H, 0, _H, 0),
    (_H, 0, -_H, 0),
    (_H, -_H, 0, 0),
    (_H, _H, 0, 0),
    (1, 0, 0, 0),
    (0, 1, 0, 0),
)
# One letter per face, as strokes (x0, y0, x1, y1) in a square of half-width 1.
LETTERS = {
    "D": (
        (-0.6, -1, -0.6, 1),
        (-0.6, 1, 0.1, 1),
        (0.1, 1, 0.6, 0.5),
        (0.6, 0.5, 0.6, -0.5),
        (0.6, -0.5, 0.1, -1),
        (0.1, -1, -0.6, -1),
    ),
    "A": ((-0.7, -1, 0, 1), (0, 1, 0.7, -1), (-0.4, -0.3, 0.4, -0.3)),
    "C": (
        (0.6, 0.7, 0.2, 1),
        (0.2, 1, -0.2, 1),
        (-0.2, 1, -0.6, 0.6),
        (-0.6, 0.6, -0.6, -0.6),
        (-0.6, -0.6, -0.2, -1),
        (-0.2, -1, 0.2, -1),
        (0.2, -1, 0.6, -0.7),
    ),
    "T": ((-0.7, 1, 0.7, 1), (0, 1, 0, -1)),
    "Y": ((-0.7, 1, 0, 0), (0.7, 1, 0, 0), (0, 0, 0, -1)),
    "L": ((-0.5, 1, -0.5, -1), (-0.5, -1, 0.6, -1)),
}


def add_object(spec: mujoco.MjSpec, body: mujoco.MjsBody, name: str) -> None:
    """Gives `body` an object's mass, inertia, collision geoms and appearance.

    Raises:
        ValueError: there is no object of this name.
    """
    kind = _kind(name)
    body.mass, body.inertia = kind.mass, kind.inertia
    body.ipos = np.zeros(3)
    body.explicitinertial = True
    kind.add_collision(body)
    kind.add_looks(spec, body)


def add_looks(spec: mujoco.MjSpec, body: mujoco.MjsBody, name: str) -> None:
    """Gives `body` an object's visual geoms only.

    Raises:
        ValueError: there is no object of this name.
    """
    _kind(name).add_looks(spec, body)


@dataclasses.dataclass(frozen=True)
class _Kind:
    mass: float  # kg
    inertia: np.ndarray  # [3] kg m2 about the centre, along x, y, z
    add_collision: Callable[[mujoco.MjsBody], None]
    add_looks: Callable[[mujoco.MjSpec, mujoco.MjsBody], None]


def _kind(name: str) -> _Kind:
    if name not in _KINDS:
        raise UserError(f"object: {name!r} is unknown; it may be {', '.join(OBJECTS)}")
    return _KINDS[name]


def _block() -> _Kind:
    half = BLOCK_HALF_EDGE
    mass = DENSITY * (2 * half) ** 3
    inertia = np.full(3, mass * (2 * half) ** 2 / 6)

    def add_collision(body: mujoco.MjsBody) -> None:
        _add_collision(body, "object", mujoco.mjtGeom.mjGEOM_BOX, (half, half, half))

    def add_looks(spec: mujoco.MjSpec, body: mujoco.MjsBody) -> None:
        core, plate = half - 0.0004, (half - 0.0012, half - 0.0012, 0.0003)
        _add_visual(body, mujoco.mjtGeom.mjGEOM_BOX, (core, core, core), rgba=DARK)
        for face, letter, colour in zip(FACES, LETTERS, COLOURS, strict=False):
            _add_visual(
                body,
                mujoco.mjtGeom.mjGEOM_BOX,
                plate,
                pos=_direction(face) * (half - plate[2]),
                quat=face,
                material=_letter_material(spec, letter, colour),
            )

    return _Kind(mass, inertia, add_collision, add_looks)


def _prism() -> _Kind:
    inradius, half_length = PRISM_INRADIUS, PRISM_HALF_LENGTH
    half_side = inradius * np.tan(np.pi / 8)
    mass = DENSITY * 16 * half_side * inradius * half_length
    circumradius = inradius / np.cos(np.pi / 8)
    axial = mass * circumradius**2 / 2 * (1 - 2 / 3 * np.sin(np.pi / 8) ** 2)
    transverse = axial / 2 + mass * half_length**2 / 3
    # Each of four boxes spans two opposite sides; their union is the octagon.
    quarters = [(np.cos(a / 2), 0, 0, np.sin(a / 2)) for a in np.arange(4) * np.pi / 4]

    def add_collision(body: mujoco.MjsBody) -> None:
        for i, quat in enumerate(quarters):
            size = (inradius, half_side, half_length)
            _add_collision(body, f"object_{i}", mujoco.mjtGeom.mjGEOM_BOX, size, quat)

    def add_looks(spec: mujoco.MjSpec, body: mujoco.MjsBody) -> None:
        for sign, colour in ((1, LIGHT), (-1, DARK)):
            for quat in quarters:
                _add_visual(
                    body,
                    mujoco.mjtGeom.mjGEOM_BOX,
                    (inradius - 0.0006, half_side - 0.0002, half_length / 2),
                    pos=(0, 0, sign * half_length / 2),
                    quat=quat,
                    rgba=colour,
                )
        for i, colour in enumerate(COLOURS):
            angle = i * np.pi / 4
            _add_visual(
                body,
                mujoco.mjtGeom.mjGEOM_BOX,
                (0.0004, half_side - 0.0008, half_length - 0.0010),
                pos=(inradius - 0.0004) * np.array([np.cos(angle), np.sin(angle), 0]),
                quat=(np.cos(angle / 2), 0, 0, np.sin(angle / 2)),
                rgba=colour,
            )

    return _Kind(mass, np.array([transverse, transverse, axial]), add_collision, add_looks)


def _sphere() -> _Kind:
    radius = SPHERE_RADIUS
    mass = DENSITY * 4 / 3 * np.pi * radius**3
    inertia = np.full(3, 0.4 * mass * radius**2)

    def add_collision(body: mujoco.MjsBody) -> None:
        _add_collision(body, "object", mujoco.mjtGeom.mjGEOM_SPHERE, (radius,))

    def add_looks(spec: mujoco.MjSpec, body: mujoco.MjsBody) -> None:
        _add_visual(body, mujoco.mjtGeom.mjGEOM_SPHERE, (radius - 0.0006,), rgba=LIGHT)
        cap = 0.85 * radius  # smaller balls that protrude from the surface as round patches
        for face, colour in zip(FACES, COLOURS, strict=False):
            _add_visual(
                body,
                mujoco.mjtGeom.mjGEOM_SPHERE,
                (cap,),
                pos=_direction(face) * (radius - cap),
                rgba=colour,
            )

    return _Kind(mass, inertia, add_collision, add_looks)


def _add_collision(
    body: mujoco.MjsBody, name: str, shape: mujoco.mjtGeom, size, quat=(1, 0, 0, 0)
) -> None:
    # The object's contact parameters take precedence over the hand's (priority), so its friction
    # determines the friction of all its contacts.
    body.add_geom(
        name=name,
        type=shape,
        size=_padded(size),
        quat=quat,
        contype=1,
        conaffinity=0,
        priority=1,
        friction=FRICTION,
        mass=0,
        group=COLLISION_GROUP,
        rgba=(0.8, 0.5, 0.3, 0.5),
    )


def _add_visual(body: mujoco.MjsBody, shape: mujoco.mjtGeom, size, **attributes) -> None:
    body.add_geom(
        type=shape,
        size=_padded(size),
        contype=0,
        conaffinity=0,
        mass=0,
        group=VISUAL_GROUP,
        **attributes,
    )


def _letter_material(spec: mujoco.MjSpec, letter: str, colour: tuple[float, ...]) -> str:
    """Name of a material of this colour with a dark letter; creates it if it does not exist."""
    name = f"letter_{letter}"
    if spec.material(name) is None:
        picture = _draw_letter(letter)
        texture = spec.add_texture(
            name=name,
            type=mujoco.mjtTexture.mjTEXTURE_2D,
            width=picture.shape[1],
            height=picture.shape[0],
            nchannel=3,
        )
        texture.data = picture.tobytes()
        material = spec.add_material(name=name, rgba=colour, specular=0.2, shininess=0.3)
        material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
    return name


def _draw_letter(letter: str, pixels: int = 64) -> np.ndarray:
    """A dark letter on white, `[pixels, pixels, 3]` uint8, with soft edges."""
    x, y = np.meshgrid(*2 * [(np.arange(pixels) + 0.5) / pixels * 4 - 2])
    distance = np.full((pixels, pixels), np.inf)
    for x0, y0, x1, y1 in LETTERS[letter]:
        dx, dy = x1 - x0, y1 - y0
        along = np.clip(((x - x0) * dx - (y + y0) * dy) / (dx**2 + dy**2), 0, 1)
        distance = np.minimum(distance, np.hypot(x - x0 - along * dx, -y - y0 - along * dy))
    ink = np.clip((0.24 - distance) / 0.06 + 0.5, 0, 1)
    grey = np.round(255 - ink * 225).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def _direction(face: tuple[float, ...]) -> np.ndarray:
    direction = np.zeros(3)
    mujoco.mju_rotVecQuat(direction, np.array([0.0, 0.0, 1.0]), np.array(face, float))
    return direction


def _padded(size) -> np.ndarray:
    return np.pad(np.asarray(size, float), (0, 3 - len(size)))


_KINDS = {"block": _block(), "prism": _prism(), "sphere": _sphere()}
OBJECTS = tuple(_KINDS)
