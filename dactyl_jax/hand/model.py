"""Assembly of the hand, an object and their contacts into a MuJoCo model."""

import importlib.resources
import itertools
from collections.abc import Sequence

import mujoco
import numpy as np

from dactyl_jax.errors import UserError
from dactyl_jax.hand import motors as motor_tables
from dactyl_jax.hand import objects, rig, studio
from dactyl_jax.hand import patch as patches

DEFAULT_TILT = 0.0  # rad; a level palm, as in OpenAI's setup (robogym)

# World position of the centre of the palm's surface, wrist at zero; the hand tilts about it.
PALM_POSITION = np.array([0.0, 0.0, 0.25])
# The same point in the frame of the forearm.
PALM_IN_FOREARM = np.array([0.021, 0.0, 0.29501])
# Position of the displayed goal: beside the hand, on the little finger's side.
GOAL_POSITION = PALM_POSITION + np.array([0.01, 0.115, 0.015])

_FINGERS = ("ff", "mf", "rf", "lf")
_WRIST = ("WRJ2", "WRJ1")
_LOCKED_ARMATURE = 1.0  # kg m2; the hand's inertia about the wrist is about 0.006


def load_model(
    object: str = "block",
    *,
    tilt: float = DEFAULT_TILT,
    motors: str = "published",
    finger_collisions: bool = True,
    locked_wrist: bool = False,
    goal: bool = False,
    patch: str = "",
    cameras: Sequence[rig.Camera] = (),
) -> mujoco.MjModel:
    """Builds the hand, palm up, with an object floating freely above the palm.

    Args:
        object: one of `hand.OBJECTS`.
        tilt: angle between the palm and the horizontal [rad]; positive lowers the fingers.
        motors: one of `motors.MOTORS`.
        finger_collisions: whether fingers collide with each other and the palm. The object always
            collides with the hand; nothing else collides.
        locked_wrist: whether the wrist is held at zero (a task of OpenAI 2018, section 6). The
            wrist's joints and actuators remain, the latter without force, so that policies and
            observations keep their sizes.
        goal: whether to add what videos need: the mocap body `goal`, a purely visual copy of the
            object beside the hand, and cameras, lights and a table (`studio`).
        patch: file of values that override the hand's (`patch`); empty for none.
        cameras: cameras that view the object for pose estimation. They come with lights and a
            table (`rig`). Not with `goal`.

    Raises:
        ValueError: object or motors are unknown, the tilt is not within -pi/2..pi/2, both cameras
            and a goal are given, or the file is not a patch.
    """
    return make_spec(
        object,
        tilt=tilt,
        motors=motors,
        finger_collisions=finger_collisions,
        locked_wrist=locked_wrist,
        goal=goal,
        patch=patch,
        cameras=cameras,
    ).compile()


def make_spec(
    object: str,
    *,
    tilt: float,
    motors: str = "published",
    finger_collisions: bool,
    locked_wrist: bool,
    goal: bool,
    patch: str,
    cameras: Sequence[rig.Camera] = (),
) -> mujoco.MjSpec:
    """The model specification before compilation, for export to a file; see `load_model`."""
    if goal and cameras:
        raise ValueError("goal: cannot be combined with cameras; leave one of them out")
    if not abs(tilt) <= np.pi / 2:
        raise UserError(f"tilt: {tilt} is out of range; it may be -1.5708 to 1.5708 rad")
    xml = importlib.resources.files(__package__).joinpath("shadow_hand.xml").read_text()
    spec = mujoco.MjSpec.from_string(xml)

    motor_tables.apply_to_spec(motors, spec)
    if patch:
        patches.apply_to_spec(patches.load(patch), spec)
    forearm = spec.body("rh_forearm")
    forearm.pos, forearm.quat = forearm_pose(tilt)

    body = spec.worldbody.add_body(name="object", pos=PALM_POSITION + np.array([0, 0, 0.04]))
    body.add_freejoint(name="object_joint")
    objects.add_object(spec, body, object)

    if finger_collisions:
        for one, other in _finger_pairs():
            spec.add_pair(geomname1=f"rh_{one}", geomname2=f"rh_{other}", condim=1)
    if locked_wrist:
        _lock_wrist(spec)
    if goal:
        picture = spec.worldbody.add_body(name="goal", mocap=True, pos=GOAL_POSITION)
        objects.add_looks(spec, picture, object)
        studio.add_studio(spec, PALM_POSITION)
    if cameras:
        rig.add_rig(spec, cameras, PALM_POSITION)
    # Physics alone does not need visual geoms.
    spec.compiler.discardvisual = not (goal or cameras)
    return spec


def forearm_pose(tilt: float) -> tuple[np.ndarray, np.ndarray]:
    """World position [3] m and quaternion [4] of `rh_forearm`; the fingers point along world +x."""
    palm_up = np.array([0.0, np.sqrt(0.5), 0.0, np.sqrt(0.5)])
    about_y = np.array([np.cos(tilt / 2), 0.0, np.sin(tilt / 2), 0.0])
    quaternion, offset = np.zeros(4), np.zeros(3)
    mujoco.mju_mulQuat(quaternion, about_y, palm_up)
    mujoco.mju_rotVecQuat(offset, PALM_IN_FOREARM, quaternion)
    return PALM_POSITION - offset, quaternion


def _lock_wrist(spec: mujoco.MjSpec) -> None:
    """Holds the wrist's joints at zero, without load from their limits or motors.

    The constraint is solved before the integrator applies the fingers' damping, and the damping
    disturbs it. The large armature keeps that error small.
    """
    for name in _WRIST:
        joint, motor = spec.joint(f"rh_{name}"), spec.actuator(f"rh_A_{name}")
        joint.limited = mujoco.mjtLimited.mjLIMITED_FALSE
        joint.armature = _LOCKED_ARMATURE
        motor.gainprm[0] = motor.biasprm[1] = 0.0
        lock = spec.add_equality(type=mujoco.mjtEq.mjEQ_JOINT, name1=joint.name)
        lock.data[:5] = 0.0  # the polynomial coefficients of the joint's angle


def _finger_pairs() -> list[tuple[str, str]]:
    """Pairs of geoms of different digits, or of a digit and the palm, that can collide.

    Every pair costs time on engines that size their work by pairs. Pairs that the joint ranges keep
    apart are left out.
    """
    links = ("proximal", "middle", "distal")
    pairs = []
    for one, other in itertools.pairwise(_FINGERS):
        for i, link in enumerate(links):
            neighbours = links[max(i - 1, 0) : i + 2]
            pairs += [(one + link, other + neighbour) for neighbour in neighbours]
    for finger in _FINGERS:
        for link in links:
            pairs += [("thmiddle", finger + link), ("thdistal", finger + link)]
    pairs += [(f"{finger}distal", "palm") for finger in _FINGERS]
    pairs += [("rfdistal", "lfmetacarpal"), ("lfdistal", "lfmetacarpal")]
    pairs += [("thdistal", "palm"), ("thmiddle", "palm"), ("thdistal", "lfmetacarpal")]
    return pairs
