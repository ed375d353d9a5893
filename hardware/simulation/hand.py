"""A simulated hand that takes the place of the real one: in process, or behind the same ROS topics.

Runs where MuJoCo is. As a program it speaks the maker's topics and those of a motion tracker, and
of three cameras if asked to, over ROS 1, in real time or at `--realtime_factor` of it, and puts the
object back when it fell. In process its time passes only while the controller waits, and the same
calls give the same bits.
"""

from __future__ import annotations

import collections
import heapq
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import mujoco
import numpy as np

from hardware.bundle import store as bundles
from hardware.sight import camera_tracker
from hardware.bundle import model_patch
from hardware.simulation import models
from hardware.base import cli
from hardware.base import rotations
from hardware.bundle.store import Bundle
from hardware.base.messages import Fingertips, JointState, Pose
from hardware.bundle.model_patch import Patch
from hardware.base.errors import UserError
from hardware.robots.robot import Listeners
from hardware.sight.tracker import POLICY_FRAME
from hardware.trials.trial import Palm

if TYPE_CHECKING:
    from hardware.simulation.cameras import Delayed

PERIOD = 0.008  # s between joint states, as the maker's driver has it: 125 Hz
_BACK_AFTER = 1.0  # s on the floor before the object is put back
_HEIGHT = 0.06  # m above its rest at which it is let go
_AT_REST = 0.1  # rad/s, of every joint
_FAR_AWAY = 50.0  # m below the hand


class Errors(NamedTuple):
    """What is wrong with the simulated sensors; nothing by default.

    Attributes:
        delay_s: of joint states and poses, s.
        joint_noise: standard deviation of joint angles, rad.
        position_noise: of the object's position, m.
        orientation_noise: of the object's orientation, rad about a random axis.
        fingertip_noise: of the markers on the fingertips, m.
        dropout: share of poses, and of each fingertip's positions, that are lost.
    """

    delay_s: float = 0.0
    joint_noise: float = 0.0
    position_noise: float = 0.0
    orientation_noise: float = 0.0
    fingertip_noise: float = 0.0
    dropout: float = 0.0


FAULTLESS = Errors()
UNCHANGED = Patch()


class Play:
    """Backlash, as `randomization.actuation` has it: a motor turns before its tendon pulls.

    Args:
        rates: at which actuators take up their play on the way down and up, `[20, 2]` 1/(rad s); 0
            for an actuator without play.
        period: s between commands.
    """

    def __init__(self, rates: np.ndarray, period: float):
        self._down, self._up = rates.T
        self._period = period
        self.position = np.zeros(len(rates))  # of each actuator in its play, -1..1

    def pass_on(self, targets: np.ndarray, angles: np.ndarray) -> np.ndarray:
        """What becomes of new targets `[20]` rad, the actuators being at `angles` `[20]` rad."""
        way = targets - angles
        motion = way * np.where(way < 0, self._down, self._up) * self._period
        gap = np.abs(np.sign(way) - self.position)
        lost = np.clip(gap / (np.abs(motion) + 1e-12), 0, 1)
        self.position = np.clip(self.position + motion, -1, 1)
        return targets - np.where(self._down > 0, lost, 0) * way


class SimulatedHand:
    """One hand with an object, in MuJoCo.

    Args:
        bundle: of the policy whose hand and object it is.
        world: `training`, or `surrogate`, a hand that no training saw.
        patch: what is different about that hand, its sensors' offsets and play included.
        seed: of sensor errors and of how the object is put back.
        errors: of the sensors.

    Attributes:
        model: MuJoCo's.
        backlash: rates of its play, `[20, 2]`, see `Play`; a change acts from the next start on.
        offsets: what each joint's sensor reads beyond its angle, `[24]` rad.
        time: s.

    Raises:
        UserError: the bundle's model is of another MuJoCo, or the hand has no part of the patch's.
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
        model_patch.apply(patch, self.model)
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
        """New targets, `[20]` rad, in terms of what the sensors read."""
        targets = targets - self._coupling @ self.offsets
        self._data.ctrl[:] = self._play.pass_on(targets, self._coupling @ self.angles())

    def tick(self) -> None:
        """Lets 8 ms pass."""
        self._pass()
        for _ in range(self._substeps):
            mujoco.mj_step(self.model, self._data)

    def round(self) -> None:
        """Rounds the state to float32, as training does after every control step."""
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
        """Puts the hand, at rest, or all into a state, and lets one reading's time pass.

        Args:
            targets: `[20]` rad.
            angles: of the joints, `[24]` rad; by default what the targets ask for.
            state: `qpos`, `qvel` and `qacc_warmstart` in place of that.
        """
        mujoco.mj_resetData(self.model, self._data)
        if angles is None:
            angles = targets @ (self._coupling / self._coupling.sum(1, keepdims=True))
        self._data.qpos[self._joint_qpos] = angles
        for field, values in (state or {}).items():
            getattr(self._data, field)[:] = values
        self._data.ctrl[:] = targets - self._coupling @ self.offsets
        self._play = Play(self.backlash, self._period)
        self._pass()

    def put(self, angles: np.ndarray, velocities: np.ndarray) -> None:
        """Gives the joints angles `[24]` rad and velocities `[24]` rad/s, in mid-motion."""
        self._data.qpos[self._joint_qpos] = angles
        self._data.qvel[self._joint_qvel] = velocities

    def angles(self) -> np.ndarray:
        """Where the joints truly are, `[24]` rad."""
        return self._data.qpos[self._joint_qpos]

    def qpos(self) -> np.ndarray:
        """All coordinates of the model, `[31]`: joint angles and the object's pose in the world."""
        return self._data.qpos

    def joint_state(self) -> JointState:
        """What the hand's sensors read now."""
        position = self.angles() + self.offsets
        if self._errors.joint_noise:
            position += self._rng.normal(0, self._errors.joint_noise, len(position))
        velocity = self._data.qvel[self._joint_qvel].copy()
        return JointState(self.time, self._joints, position, velocity)

    def pose(self) -> Pose | None:
        """What the tracker sees of the object now, in `rh_forearm`; None if it sees nothing."""
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
        """What the tracker sees of the markers on the fingertips now, in `rh_forearm`."""
        mujoco.mj_kinematics(self.model, self._data)  # what a step leaves behind is of its start
        tips = self._to_forearm(self._data.site_xpos[self._tips])
        if self._errors.fingertip_noise:
            tips = tips + self._rng.normal(0, self._errors.fingertip_noise, tips.shape)
        if self._errors.dropout:
            tips[self._rng.uniform(size=len(tips)) < self._errors.dropout] = np.nan
        return Fingertips(self.time, POLICY_FRAME, tips)

    def object_pose(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the object truly is: `[3]` m and `[4]` in `rh_forearm`."""
        values = self._data.qpos[self._object_qpos]
        return self._to_forearm(values[:3]), rotations.multiply(self._from_world, values[3:])

    def _to_forearm(self, points: np.ndarray) -> np.ndarray:
        """Points `[..., 3]` m of the world, in `rh_forearm`."""
        return rotations.rotate(self._from_world, points - self._forearm)

    def at_rest(self) -> bool:
        """Whether the joints hardly move."""
        return bool(np.abs(self._data.qvel[self._joint_qvel]).max() < _AT_REST)

    def put_object_back(self) -> None:
        """Lets go of the object above the palm, turned at random."""
        quaternion = self._rng.normal(size=4)
        self._data.qpos[self._object_qpos] = np.concatenate(
            [
                self._palm + np.array([0.0, 0.0, _HEIGHT]),
                quaternion / np.linalg.norm(quaternion),
            ]
        )
        self._data.qvel[self._object_qvel] = 0.0

    def take_object_away(self) -> None:
        """Leaves the hand alone."""
        self._data.qpos[self._object_qpos[2]] -= _FAR_AWAY

    def _pass(self) -> None:
        self._ticks += 1
        self.time = self._ticks * PERIOD


class Assistant:
    """Puts the object back into the palm some time after it fell, once the hand is at rest.

    Args:
        simulated: the hand.
        bundle: where the palm is.
    """

    def __init__(self, simulated: SimulatedHand, bundle: Bundle):
        self._hand, self._palm = simulated, Palm(bundle)
        self._seen = 0.0

    def look(self) -> None:
        """To be called often."""
        if self._palm.holds(self._hand.object_pose()[0]):
            self._seen = self._hand.time
        elif self._hand.time - self._seen > _BACK_AFTER and self._hand.at_rest():
            self._hand.put_object_back()
            self._seen = self._hand.time


class Reading(NamedTuple):
    """What all sensors read at one time; no pose where the tracker sees nothing."""

    time: float
    joints: JointState
    pose: Pose | None
    tips: Fingertips


class Wire:
    """What a simulated hand reports, some time later.

    Args:
        simulated: the hand.
        delay_s: that readings take, s.
    """

    def __init__(self, simulated: SimulatedHand, delay_s: float):
        self._hand, self._delay = simulated, delay_s
        self._on_its_way: collections.deque[Reading] = collections.deque()

    def pass_on(self) -> Iterator[Reading]:
        """Reads the sensors, and delivers what has been on its way long enough."""
        hand = self._hand
        reading = Reading(hand.time, hand.joint_state(), hand.pose(), hand.fingertips())
        self._on_its_way.append(reading)
        while self._on_its_way and self._on_its_way[0].time <= hand.time - self._delay + 1e-9:
            yield self._on_its_way.popleft()


class InProcess:
    """A `robot.Robot` without a wire; its time passes while somebody waits for it.

    Args:
        simulated: the hand.
        delay_s: of all it reports, s.
        assistant: who puts the object back; None leaves it where it falls.
        cameras: that look at it, if any.
    """

    def __init__(
        self,
        simulated: SimulatedHand,
        delay_s: float = 0.0,
        assistant: Assistant | None = None,
        cameras: Delayed | None = None,
    ):
        self._hand, self._wire, self._assistant = simulated, Wire(simulated, delay_s), assistant
        self._cameras = cameras
        self._calls: list[tuple[float, int, float, Callable[[], None]]] = []
        self._order = itertools.count()

    def now(self) -> float:
        """See `robot.Robot`."""
        return self._hand.time

    def wait_until(self, time: float) -> None:
        """See `robot.Robot`."""
        ticks = round((time - self._hand.time) / PERIOD)
        for left in range(ticks, 0, -1):
            self._hand.tick()
            if left == 1:
                self._hand.round()
            if self._assistant is not None:
                self._assistant.look()
            self.report()
            while self._calls and self._calls[0][0] <= self._hand.time + 1e-9:
                due, _, period, call = heapq.heappop(self._calls)
                heapq.heappush(self._calls, (due + period, next(self._order), period, call))
                call()

    def every(self, period: float, call: Callable[[], None]) -> None:
        """See `robot.Robot`."""
        heapq.heappush(self._calls, (self.now() + period, next(self._order), period, call))

    def listen(self, to: Listeners) -> None:
        """See `robot.Robot`; nobody asks a simulation to stop."""
        self._listeners = to

    def send(self, targets: np.ndarray) -> None:
        """See `robot.Robot`."""
        self._hand.command(targets)

    def close(self) -> None:
        """See `robot.Robot`."""
        self._calls.clear()

    def report(self) -> None:
        """Sends what the sensors read now, and delivers what has been on its way long enough."""
        for reading in self._wire.pass_on():
            self._listeners.joint_state(reading.joints)
            if reading.pose is not None:
                self._listeners.pose(reading.pose)
            self._listeners.fingertips(reading.tips)
        if self._cameras is not None:
            for image in self._cameras.pass_on():
                self._listeners.image(image)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; see `cli.run`."""
    parser = cli.Parser("simulated_hand", __doc__ or "")
    parser.add_argument("--bundle", required=True, help="the policy whose hand and object to be")
    parser.add_argument(
        "--world",
        choices=("training", "surrogate"),
        default="training",
        help="the hand of the training, or another that no training saw",
    )
    parser.add_argument(
        "--realtime_factor",
        type=cli.positive_number,
        default=1.0,
        help="simulated seconds per second; other than 1 it publishes /clock, which all must use",
    )
    parser.add_argument(
        "--model_patch", help="a file of hardware.calibrate, or of that form: how the hand differs"
    )
    parser.add_argument(
        "--without_object", action="store_true", help="the hand alone, to be calibrated"
    )
    parser.add_argument("--seed", type=cli.whole_number(0), default=0, help="of all errors")
    parser.add_argument(
        "--cameras",
        action="store_true",
        help="publishes /cameras/fingers, /cameras/thumb and /cameras/little, drawn by OpenGL; "
        "needs a bundle with a pose network",
    )
    parser.add_argument(
        "--camera_rate",
        type=cli.positive_number,
        default=12.5,
        help="with --cameras: pictures of each a second, as far as this machine goes",
    )
    kinds = {"delay_s": "s that readings take", "dropout": "share of what is seen that is lost"}
    kinds["joint_noise"] = "standard deviation of joint angles, rad"
    kinds["position_noise"] = "standard deviation of the object's position, m"
    kinds["orientation_noise"] = "standard deviation of the object's orientation, rad"
    kinds["fingertip_noise"] = "standard deviation of the fingertips' positions, m"
    for name, text in kinds.items():
        kind = cli.share if name == "dropout" else cli.number_from_zero
        parser.add_argument(f"--{name}", type=kind, default=0.0, help=text)

    def serve(flags):
        if flags.model_patch and flags.world != "training":
            raise UserError("--model_patch goes with --world=training; leave one of them out")
        contents = store.load(flags.bundle)
        if flags.cameras:
            camera_tracker.known_cameras(contents)
        patch = model_patch.load(flags.model_patch) if flags.model_patch else UNCHANGED
        ros = program.ros_module()
        errors = Errors(**{name: getattr(flags, name) for name in Errors._fields})
        simulated = SimulatedHand(contents, flags.world, patch, flags.seed, errors)
        assistant = None if flags.without_object else Assistant(simulated, contents)
        if flags.without_object:
            simulated.take_object_away()
        wire = Wire(simulated, errors.delay_s)
        make_film = None
        if flags.cameras:
            from hardware.simulation.cameras import Film, Studio

            def make_film(publish):
                return Film(lambda: Studio(contents), 1 / flags.camera_rate, publish)

        ros.serve(simulated, assistant, contents, wire, flags.realtime_factor, make_film)

    return cli.run(serve, parser, argv)


if __name__ == "__main__":
    sys.exit(main())
