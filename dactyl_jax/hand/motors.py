"""The hand's motors and joint damping.

The published model's fingers have little damping: their step responses ring when randomisation
scales the damping by 0.3. `damped` triples the fingers' damping, so that even the least damped one
settles. OpenAI fitted gains, force limits and damping to a real hand, which is slower and
weaker. `calibrated` has the values from their later code (robogym), except for the damping of three
weak joints, which would ring.
"""

from typing import NamedTuple

import mujoco

from dactyl_jax.errors import UserError


class Motor(NamedTuple):
    """An actuator and the joints that it drives.

    Attributes:
        gain: proportional gain, N m/rad.
        force: maximum force, N m.
        damping: damping of its joint, or of J2 and J1 of a coupled finger, N m s/rad.
    """

    gain: float
    force: float
    damping: tuple[float, ...]


_CALIBRATED = {
    "WRJ2": Motor(1.94, 0.179, (0.389,)),
    "WRJ1": Motor(11.3, 0.996, (0.75,)),
    "FFJ4": Motor(0.145, 0.0222, (0.1,)),  # robogym: 0.0135
    "FFJ3": Motor(0.446, 0.155, (0.134,)),
    "FFJ0": Motor(9.14, 0.466, (0.521, 0.75)),
    "MFJ4": Motor(0.260, 0.0235, (0.1,)),  # robogym: 0.0335
    "MFJ3": Motor(10.6, 0.334, (0.350,)),
    "MFJ0": Motor(9.06, 0.617, (0.409, 0.520)),
    "RFJ4": Motor(1.52, 0.129, (0.249,)),
    "RFJ3": Motor(1.99, 0.409, (0.187,)),
    "RFJ0": Motor(9.08, 0.464, (0.202, 0.251)),
    "LFJ5": Motor(3.95, 0.211, (0.361,)),
    "LFJ4": Motor(1.97, 0.198, (0.370,)),
    "LFJ3": Motor(0.765, 0.135, (0.126,)),
    "LFJ0": Motor(9.10, 0.506, (0.454, 0.513)),
    "THJ5": Motor(1.59, 0.187, (0.203,)),
    "THJ4": Motor(1.54, 0.240, (0.362,)),
    "THJ3": Motor(0.359, 0.0377, (0.12,)),  # robogym: 0.0308
    "THJ2": Motor(2.09, 0.166, (0.214,)),
    "THJ1": Motor(2.04, 0.207, (0.203,)),
}
_FINGER_DAMPING = 0.15  # N m s/rad, for `damped`; 0.05 in the published model
_ARMATURE, _WRIST_ARMATURE = 0.001, 0.005  # kg m2
_TENDON_DAMPING = 0.1  # N m s/rad, on J1 + J2
# Target ranges that are narrower than the joint's range, rad.
_TARGETS = {
    **{f"{finger}J3": (0.0, 1.571) for finger in ("FF", "MF", "RF", "LF")},
    "THJ2": (-0.524, 0.524),
    "THJ1": (0.0, 1.571),
}
MOTORS = ("published", "damped", "calibrated")


def apply_to_spec(name: str, spec: mujoco.MjSpec) -> None:
    """Applies the named motors, one of `MOTORS`, to a model before compilation.

    Raises:
        ValueError: there are no motors of this name.
    """
    if name not in MOTORS:
        raise UserError(f"motors: {name!r} is unknown; it may be {', '.join(MOTORS)}")
    if name == "damped":
        for joint in spec.joints:
            if not joint.name.startswith("rh_WR"):
                joint.damping[0] = _FINGER_DAMPING
    if name == "calibrated":
        _calibrate(spec)


def _calibrate(spec: mujoco.MjSpec) -> None:
    """Applies robogym's motors, damping and armatures to a model."""
    for part, motor in _CALIBRATED.items():
        actuator = spec.actuator(f"rh_A_{part}")
        actuator.gainprm[0], actuator.biasprm[1] = motor.gain, -motor.gain
        actuator.forcerange = (-motor.force, motor.force)
        joints = (part,) if len(motor.damping) == 1 else (f"{part[:2]}J2", f"{part[:2]}J1")
        for joint, damping in zip(joints, motor.damping, strict=True):
            spec.joint(f"rh_{joint}").damping[0] = damping
            spec.joint(f"rh_{joint}").armature = (
                _WRIST_ARMATURE if part.startswith("WR") else _ARMATURE
            )
        if len(joints) == 2:
            spec.tendon(f"rh_{part}").damping[0] = _TENDON_DAMPING
        if part in _TARGETS:
            actuator.ctrlrange, actuator.inheritrange = _TARGETS[part], 0
