"""Names of the hand's parts, and their addresses in a model's arrays."""

import dataclasses

import mujoco
import numpy as np

from dactyl_jax.hand import model as assembly

PREFIX = "rh_"
_DIGITS = {
    "WR": ("WRJ2", "WRJ1"),
    "FF": ("FFJ4", "FFJ3", "FFJ2", "FFJ1"),
    "MF": ("MFJ4", "MFJ3", "MFJ2", "MFJ1"),
    "RF": ("RFJ4", "RFJ3", "RFJ2", "RFJ1"),
    "LF": ("LFJ5", "LFJ4", "LFJ3", "LFJ2", "LFJ1"),
    "TH": ("THJ5", "THJ4", "THJ3", "THJ2", "THJ1"),
}
COUPLED = ("FF", "MF", "RF", "LF")  # one actuator, J0, drives J1 + J2 of these fingers
JOINTS = tuple(PREFIX + joint for digit in _DIGITS.values() for joint in digit)
ACTUATORS = tuple(
    f"{PREFIX}A_{joint.replace('J2', 'J0') if digit in COUPLED else joint}"
    for digit, joints in _DIGITS.items()
    for joint in joints
    if not (digit in COUPLED and joint.endswith("J1"))
)
FINGERTIPS = tuple(PREFIX + name for name in ("fftip", "mftip", "rftip", "lftip", "thtip"))

# A gently cupped hand that holds the object [rad]; joints not listed are at zero.
CUPPED = {
    **{f"{finger}J3": 0.7 for finger in COUPLED},
    **{f"{finger}J0": 0.9 for finger in COUPLED},
    "LFJ5": 0.15,
    "THJ5": 0.3,
    "THJ4": 0.8,
    "THJ2": 0.3,
    "THJ1": 0.3,
}


@dataclasses.dataclass(frozen=True)
class Layout:
    """Addresses and constants of a model with the hand and an object.

    Attributes:
        joint_qpos: [24] addresses of the joints `JOINTS` in qpos.
        joint_qvel: [24] addresses of the joints `JOINTS` in qvel.
        object_qpos: [7] addresses of the object's position and quaternion in qpos.
        object_qvel: [6] addresses of its linear (world frame) and angular (body frame) velocity in
            qvel.
        coupling: [20, 24]; actuator angles = coupling @ joint angles (J0 = J1 + J2). Controllers
            assume this coupling, whatever moment arms the tendons of `model` have.
        ctrl_range: [20, 2] rad, lowest and highest target.
        start_targets: [20] rad, a gently cupped hand that holds the object.
        forearm_position: [3] m, world position of `rh_forearm`, which is fixed.
        forearm_quaternion: [4], world orientation of `rh_forearm`.
        palm_position: [3] m, world position of the centre of the palm's surface, wrist at zero.
    """

    joint_qpos: np.ndarray
    joint_qvel: np.ndarray
    object_qpos: np.ndarray
    object_qvel: np.ndarray
    coupling: np.ndarray
    ctrl_range: np.ndarray
    start_targets: np.ndarray
    forearm_position: np.ndarray
    forearm_quaternion: np.ndarray
    palm_position: np.ndarray


def layout(model: mujoco.MjModel) -> Layout:
    """Looks up the addresses of `model`'s parts by name.

    Raises:
        KeyError: the model lacks the hand or the object.
    """
    joints = [model.joint(name) for name in JOINTS]
    object_joint = model.joint("object_joint")
    actuators = [model.actuator(name).id for name in ACTUATORS]
    forearm = model.body("rh_forearm")
    targets = np.zeros(len(ACTUATORS))
    for name, angle in CUPPED.items():
        targets[ACTUATORS.index(f"{PREFIX}A_{name}")] = angle
    return Layout(
        joint_qpos=np.array([joint.qposadr[0] for joint in joints]),
        joint_qvel=np.array([joint.dofadr[0] for joint in joints]),
        object_qpos=object_joint.qposadr[0] + np.arange(7),
        object_qvel=object_joint.dofadr[0] + np.arange(6),
        coupling=_coupling(),
        ctrl_range=model.actuator_ctrlrange[actuators].copy(),
        start_targets=targets,
        forearm_position=forearm.pos.copy(),
        forearm_quaternion=forearm.quat.copy(),
        palm_position=assembly.PALM_POSITION.copy(),
    )


def _coupling() -> np.ndarray:
    coupling = np.zeros((len(ACTUATORS), len(JOINTS)))
    for row, actuator in enumerate(ACTUATORS):
        joint = actuator.replace("A_", "")
        parts = (joint,) if joint in JOINTS else (joint[:-1] + "1", joint[:-1] + "2")
        coupling[row, [JOINTS.index(part) for part in parts]] = 1.0
    return coupling
