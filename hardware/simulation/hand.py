"""A simulated hand with an object, and its sensors."""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np

from hardware.base import rotations
from hardware.base.frames import POLICY_FRAME
from hardware.base.messages import Fingertips, JointState, Pose
from hardware.bundle.model_patch import Patch
from hardware.bundle.store import Bundle
from hardware.simulation import models
from hardware.simulation.backlash import Backlash

PERIOD = 0.008  # s between joint states, as in the maker's driver: 125 Hz
_HEIGHT = 0.06  # m above the palm at which the object is released
_AT_REST = 0.1  # rad/s, of every joint
_FAR_AWAY = 50.0  # m below the hand


class Errors(NamedTuple):
    """Errors of the simulated sensors; none by default.

    Attributes:
        delay_s: delay of joint states and poses, s.
        joint_noise: standard deviation of the joint angles' noise, rad.
        position_noise: standard deviation of the object's position, m.
        orientation_noise: standard deviation of the object's orientation about a random axis, rad.
        fingertip_noise: standard deviation of the fingertips' positions, m.
        dropout: share of the object's poses, and of each fingertip's positions, that are lost.
    """

    delay_s: float = 0.0
    joint_noise: float = 0.0
    position_noise: float = 0.0
    orientation_noise: float = 0.0
    fingertip_noise: float = 0.0
    dropout: float = 0.0


FAULTLESS = Errors()
UNCHANGED = Patch()


class SimulatedHand:
    """A hand with an object in MuJoCo.

    Args:
        bundle: bundle with the hand and the object.
        world: `training`, or `surrogate`, a hand that no policy was trained on.
        patch: model patch of the hand, including its sensor offsets and backlash.
        seed: seed of the sensor errors and of the object's orientation when it is put back.
        errors: errors of the sensors.

    Attributes:
        model: the MuJoCo model.
        backlash: backlash rates, `[20, 2]`, see `Backlash`; changes take effect at the next
            `start`.
        offsets: offset of each joint's sensor, reading minus angle, `[24]` rad.
        time: the hand's time, s.

    Raises:
        UserError: this MuJoCo cannot build the bundle's model, or the patch has an unknown part.
    """

    def __init__(
        self,
        bundle: Bundle,
        world: str = "training",
        patch: Patch = UNCHANGED,
        seed: int = 0,
        errors: Errors = FAULTLESS,
    ):
        self.model = models.build(bundle.hand, bundle.numbers(world))
        models.apply_patch(patch, self.model)
        self.model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
        self._data = mujoco.MjData(self.model)
        self._substeps = round(PERIOD / self.model.opt.timestep)
        self._rng = np.random.default_rng(seed)
        self._errors = errors
        self._period = bundle.control_dt
        self._joints, self._coupling = tuple(bundle.joints), bundle.coupling
        frames = bundle.contract["frames"]
        self._forearm = np.array(frames["forearm_in_world"]["position"])
        self._from_world = rotations.conjugate(np.array(frames["forearm_in_world"]["quaternion"]))
        self._palm = np.array(frames["palm_in_world"])
        joints = [self.model.joint(name) for name in self._joints]
        self._joint_qpos = np.concatenate([joint.qposadr for joint in joints])
        self._joint_qvel = np.concatenate([joint.dofadr for joint in joints])
        free = self.model.joint(int(np.argmax(self.model.jnt_type == mujoco.mjtJoint.mjJNT_FREE)))
        self._object_qpos = free.qposadr[0] + np.arange(7)
        self._object_qvel = free.dofadr[0] + np.arange(6)
        self._tips = [self.model.site(name).id for name in bundle.fingertips]
        self.backlash = patch.backlash(bundle.actuators)
        self.offsets = patch.offsets(bundle.joints)
        self.time = 0.0
        self._ticks = 0
        self.start(bundle.start_targets)
        self.put_object_back()

    def command(self, targets: np.ndarray) -> None:
        """Sets the targets, `[20]` rad; like the sensors' readings they include the offsets."""
        targets = targets - self._coupling @ self.offsets
        self._data.ctrl[:] = self._play.pass_on(targets, self._coupling @ self.angles())

    def tick(self) -> None:
        """Simulates 8 ms, one period of the joint states."""
        self._pass()
        for _ in range(self._substeps):
            mujoco.mj_step(self.model, self._data)

    def round(self) -> None:
        """Rounds the state to float32, as training does after each control step."""
        for field in ("qpos", "qvel", "ctrl", "qacc_warmstart"):
            values = getattr(self._data, field)
            values[:] = values.astype(np.float32)

    def start(
        self,
        targets: np.ndarray,
        *,
        angles: np.ndarray | None = None,
        state: dict[str, np.ndarray] | None = None,
    ) -> None:
        """Resets the hand to rest, or to a state, and advances the time by one period.

        Args:
            targets: targets of the actuators, `[20]` rad.
            angles: joint angles, `[24]` rad; None takes those of the targets.
            state: `qpos`, `qvel` and `qacc_warmstart`, which override the angles.
        """
        mujoco.mj_resetData(self.model, self._data)
        if angles is None:
            angles = targets @ (self._coupling / self._coupling.sum(1, keepdims=True))
        self._data.qpos[self._joint_qpos] = angles
        for field, values in (state or {}).items():
            getattr(self._data, field)[:] = values
        self._data.ctrl[:] = targets - self._coupling @ self.offsets
        self._play = Backlash(self.backlash, self._period)
        self._pass()

    def put(self, angles: np.ndarray, velocities: np.ndarray) -> None:
        """Sets the joints' angles, `[24]` rad, and velocities, `[24]` rad/s, in mid-motion."""
        self._data.qpos[self._joint_qpos] = angles
        self._data.qvel[self._joint_qvel] = velocities

    def angles(self) -> np.ndarray:
        """True joint angles, `[24]` rad."""
        return self._data.qpos[self._joint_qpos]

    def qpos(self) -> np.ndarray:
        """All coordinates of the model, `[31]`: joint angles and the object's pose in the world."""
        return self._data.qpos

    def joint_state(self) -> JointState:
        """Present reading of the joints' sensors."""
        position = self.angles() + self.offsets
        if self._errors.joint_noise:
            position += self._rng.normal(0, self._errors.joint_noise, len(position))
        velocity = self._data.qvel[self._joint_qvel].copy()
        return JointState(self.time, self._joints, position, velocity)

    def pose(self) -> Pose | None:
        """The object's pose as the tracker sees it, in `rh_forearm`; None if it is lost."""
        if self._rng.uniform() < self._errors.dropout:
            return None
        position, orientation = self.object_pose()
        if self._errors.position_noise:
            position += self._rng.normal(0, self._errors.position_noise, 3)
        if self._errors.orientation_noise:
            axis = self._rng.normal(size=3)
            angle = self._rng.normal(0, self._errors.orientation_noise)
            turn = rotations.from_axis_angle(axis / np.linalg.norm(axis), np.array(angle))
            orientation = rotations.multiply(turn, orientation)
        return Pose(self.time, POLICY_FRAME, position, orientation)

    def fingertips(self) -> Fingertips:
        """Fingertip positions as the tracker sees them, in `rh_forearm`."""
        mujoco.mj_kinematics(self.model, self._data)  # a step leaves the sites of its start
        tips = self._to_forearm(self._data.site_xpos[self._tips])
        if self._errors.fingertip_noise:
            tips = tips + self._rng.normal(0, self._errors.fingertip_noise, tips.shape)
        if self._errors.dropout:
            tips[self._rng.uniform(size=len(tips)) < self._errors.dropout] = np.nan
        return Fingertips(self.time, POLICY_FRAME, tips)

    def object_pose(self) -> tuple[np.ndarray, np.ndarray]:
        """True position, `[3]` m, and orientation, `[4]`, of the object in `rh_forearm`."""
        values = self._data.qpos[self._object_qpos]
        return self._to_forearm(values[:3]), rotations.multiply(self._from_world, values[3:])

    def _to_forearm(self, points: np.ndarray) -> np.ndarray:
        """Converts points, `[..., 3]` m, from the world to `rh_forearm`."""
        return rotations.rotate(self._from_world, points - self._forearm)

    def at_rest(self) -> bool:
        """Whether the joints hardly move."""
        return bool(np.abs(self._data.qvel[self._joint_qvel]).max() < _AT_REST)

    def put_object_back(self) -> None:
        """Releases the object above the palm at a random orientation."""
        quaternion = self._rng.normal(size=4)
        self._data.qpos[self._object_qpos] = np.concatenate(
            [
                self._palm + np.array([0.0, 0.0, _HEIGHT]),
                quaternion / np.linalg.norm(quaternion),
            ]
        )
        self._data.qvel[self._object_qvel] = 0.0

    def take_object_away(self) -> None:
        """Moves the object far away."""
        self._data.qpos[self._object_qpos[2]] -= _FAR_AWAY

    def _pass(self) -> None:
        self._ticks += 1
        self.time = self._ticks * PERIOD
