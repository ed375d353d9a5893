"""A simulated hand that takes the place of the real one: in process, or behind the same ROS topics.

Runs where one trains. As a program it speaks the maker's topics and those of a motion tracker, and
of three cameras if asked to, over ROS 1, in real time or at `--realtime_factor` of it, and puts the
object back when it fell. In process its time passes only while the controller waits, and the same
calls give the same bits.
"""

import collections
import heapq
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax import envs, hand
from dactyl_jax.envs import goals, worlds
from dactyl_jax.hand import patch as patches
from hardware import bundle as bundles
from hardware import eyes, program, rotations
from hardware.bundle import Bundle
from hardware.messages import Fingertips, JointState, Pose
from hardware.program import UserError
from hardware.robot import Listeners
from hardware.session import Session, Setup
from hardware.tracker import POLICY_FRAME
from hardware.trial import Palm

if TYPE_CHECKING:
    from hardware.simulated_cameras import Delayed

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
        config: of the policy's training; `env.world` says which hand it is, and `env.model_patch`
            what is different about that of the training, its sensors' offsets and play included.
        seed: of sensor errors and of how the object is put back.
        errors: of the sensors.

    Attributes:
        model: MuJoCo's.
        layout: where its parts are.
        backlash: rates of its play, `[20, 2]`, see `Play`; a change acts from the next start on.
        offsets: what each joint's sensor reads beyond its angle, `[24]` rad.
        time: s.
    """

    def __init__(self, config: ConfigDict, seed: int = 0, errors: Errors = FAULTLESS):
        self.model = worlds.build(config)[1]
        self.model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
        self.layout = hand.layout(self.model)
        self._data = mujoco.MjData(self.model)
        self._substeps = round(PERIOD / self.model.opt.timestep)
        self._rng = np.random.default_rng(seed)
        self._errors = errors
        self._tips = [self.model.site(name).id for name in hand.FINGERTIPS]
        self._period = config.env.control_dt
        self.backlash = patches.backlash_rates(self.model)
        path = config.env.model_patch if config.env.world == "training" else ""
        given = patches.load(path) if path else patches.Patch()
        self.offsets = np.array([given.joints.get(n, {}).get("offset", 0.0) for n in hand.JOINTS])
        self.time = 0.0
        self._ticks = 0
        self.start(self.layout.start_targets)
        self.put_object_back()

    def command(self, targets: np.ndarray) -> None:
        """New targets, `[20]` rad, in terms of what the sensors read."""
        targets = targets - self.layout.coupling @ self.offsets
        self._data.ctrl[:] = self._play.pass_on(targets, self.layout.coupling @ self.angles())

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
            angles = targets @ (self.layout.coupling / self.layout.coupling.sum(1, keepdims=True))
        self._data.qpos[self.layout.joint_qpos] = angles
        for field, values in (state or {}).items():
            getattr(self._data, field)[:] = values
        self._data.ctrl[:] = targets - self.layout.coupling @ self.offsets
        self._play = Play(self.backlash, self._period)
        self._pass()

    def put(self, angles: np.ndarray, velocities: np.ndarray) -> None:
        """Gives the joints angles `[24]` rad and velocities `[24]` rad/s, in mid-motion."""
        self._data.qpos[self.layout.joint_qpos] = angles
        self._data.qvel[self.layout.joint_qvel] = velocities

    def angles(self) -> np.ndarray:
        """Where the joints truly are, `[24]` rad."""
        return self._data.qpos[self.layout.joint_qpos]

    def qpos(self) -> np.ndarray:
        """All coordinates of the model, `[31]`: joint angles and the object's pose in the world."""
        return self._data.qpos

    def joint_state(self) -> JointState:
        """What the hand's sensors read now."""
        position = self.angles() + self.offsets
        if self._errors.joint_noise:
            position += self._rng.normal(0, self._errors.joint_noise, len(position))
        velocity = self._data.qvel[self.layout.joint_qvel].copy()
        return JointState(self.time, hand.JOINTS, position, velocity)

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
        values = self._data.qpos[self.layout.object_qpos]
        to_forearm = rotations.conjugate(self.layout.forearm_quaternion)
        return self._to_forearm(values[:3]), rotations.multiply(to_forearm, values[3:])

    def _to_forearm(self, points: np.ndarray) -> np.ndarray:
        """Points `[..., 3]` m of the world, in `rh_forearm`."""
        to_forearm = rotations.conjugate(self.layout.forearm_quaternion)
        return rotations.rotate(to_forearm, points - self.layout.forearm_position)

    def at_rest(self) -> bool:
        """Whether the joints hardly move."""
        return bool(np.abs(self._data.qvel[self.layout.joint_qvel]).max() < _AT_REST)

    def put_object_back(self) -> None:
        """Lets go of the object above the palm, turned at random."""
        quaternion = self._rng.normal(size=4)
        self._data.qpos[self.layout.object_qpos] = np.concatenate(
            [
                self.layout.palm_position + np.array([0.0, 0.0, _HEIGHT]),
                quaternion / np.linalg.norm(quaternion),
            ]
        )
        self._data.qvel[self.layout.object_qvel] = 0.0

    def take_object_away(self) -> None:
        """Leaves the hand alone."""
        self._data.qpos[self.layout.object_qpos[2]] -= _FAR_AWAY

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
        cameras: "Delayed | None" = None,
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

    def begin(self) -> None:
        """Reports what a trial starts from, the first pictures without delay."""
        if self._cameras is not None:
            self._cameras.restart()
        self.report()


class TrainingTrials:
    """A lab whose trials are those of `experiments.evaluate` with the same seed.

    Starts and goals come from the training code's own random numbers; a greedy policy then does
    the same, action for action. One that samples draws other numbers.

    Args:
        config: of the trials, as `experiments.evaluate` has it.
        simulated: the hand.
        robot: through which it reports.
        seed: of the trials.
        trials: how many.
        goal_distance: largest angle of a goal, rad; from pi on goals are uniform.
        choose: of a trial, bins `[20]` of logits `[bin, 20]`.
    """

    def __init__(
        self,
        config: ConfigDict,
        simulated: SimulatedHand,
        robot: InProcess,
        *,
        seed: int,
        trials: int,
        goal_distance: float,
        choose: Callable[[int], Callable[[np.ndarray], np.ndarray]],
    ):
        self._hand, self._robot, self._choose = simulated, robot, choose
        env = envs.make_environment(config)
        distance = jnp.float32(goal_distance)
        key = jax.random.split(jax.random.key(seed))[0]
        state = jax.jit(lambda key: env.reset(key, trials, distance))(key)
        self._starts = jax.device_get(state.physics)
        self._goal_keys = state.goal_key

        @jax.jit
        def goal(key, number, orientation):
            keys = jax.random.fold_in(key, number)[None]
            return goals.draw(keys, orientation[None].astype(jnp.float32), distance)[0]

        self._goal = goal

    def set_up(self, session: Session, trial: int) -> Setup | None:
        """See `session.Lab`."""
        start = self._starts
        fields = ("qpos", "qvel", "qacc_warmstart")
        state = {name: getattr(start, name)[trial] for name in fields}
        self._hand.start(start.ctrl[trial], state=state)
        session.tracker.forget()
        self._robot.begin()
        session.look()
        if not session.guard.begin(needs=session.needs, targets=start.ctrl[trial]):
            return None
        key = self._goal_keys[trial]
        return Setup(
            goal=lambda number, seen: np.asarray(self._goal(key, number, seen), float),
            choose=self._choose(trial),
        )


def trial_config(bundle: Bundle, world: str, seed: int, timeout_s: float) -> ConfigDict:
    """The configuration of trials in a simulation, as `experiments.evaluate` has it, on a CPU.

    Raises:
        UserError: the bundle's configuration is not one of this version.
    """
    from experiments import cli

    fields = ConfigDict(bundle.contract["config"])
    try:
        complete = config_lib.complete(fields, origin=f"the bundle {bundle.name!r}")
    except ValueError as error:
        raise UserError(f"{error}; or export it anew") from None
    config = cli.for_trials(complete, seed)
    config.engine, config.env.world, config.env.goal_timeout_s = "native", world, timeout_s
    config.randomization, config.terms = "none", config_lib.default().terms
    config.adr.enabled = False
    return config


def make(
    config: ConfigDict, model_patch: str | None, seed: int = 0, errors: Errors = FAULTLESS
) -> SimulatedHand:
    """A simulated hand that differs from that of a configuration by a model patch, unless None.

    Raises:
        UserError: the patch is none.
    """
    if model_patch:
        config.env.model_patch = model_patch
    try:
        return SimulatedHand(config, seed, errors)
    except ValueError as error:
        raise UserError(str(error)) from None


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; see `program.run`."""
    parser = program.Parser("simulated_hand", __doc__ or "")
    parser.add_argument("--bundle", required=True, help="the policy whose hand and object to be")
    parser.add_argument(
        "--world",
        choices=("training", "surrogate"),
        default="training",
        help="the hand of the training, or another that no training saw",
    )
    parser.add_argument(
        "--realtime_factor",
        type=program.positive_number,
        default=1.0,
        help="simulated seconds per second; other than 1 it publishes /clock, which all must use",
    )
    parser.add_argument(
        "--model_patch", help="a file of hardware.calibrate, or of that form: how the hand differs"
    )
    parser.add_argument(
        "--without_object", action="store_true", help="the hand alone, to be calibrated"
    )
    parser.add_argument("--seed", type=program.whole_number(0), default=0, help="of all errors")
    parser.add_argument(
        "--cameras",
        choices=("none", "warp", "gl"),
        default="none",
        help="what draws /cameras/fingers, /cameras/thumb and /cameras/little: the ray tracer of "
        "the training, or MuJoCo's OpenGL; needs a bundle with a pose network",
    )
    parser.add_argument(
        "--camera_rate",
        type=program.positive_number,
        default=12.5,
        help="with --cameras: pictures a second, as far as this machine goes",
    )
    parser.add_argument(
        "--look",
        type=program.whole_number(0),
        help="with --cameras: number of the training's frame whose colours, lights and errors of "
        "cameras the pictures have; without it the plain scene",
    )
    kinds = {"delay_s": "s that readings take", "dropout": "share of what is seen that is lost"}
    kinds["joint_noise"] = "standard deviation of joint angles, rad"
    kinds["position_noise"] = "standard deviation of the object's position, m"
    kinds["orientation_noise"] = "standard deviation of the object's orientation, rad"
    kinds["fingertip_noise"] = "standard deviation of the fingertips' positions, m"
    for name, text in kinds.items():
        kind = program.share if name == "dropout" else program.number_from_zero
        parser.add_argument(f"--{name}", type=kind, default=0.0, help=text)

    def serve(flags):
        if flags.model_patch and flags.world != "training":
            raise UserError("--model_patch goes with --world=training; leave one of them out")
        if flags.cameras == "none" and flags.look is not None:
            raise UserError("--look goes with --cameras=warp or gl; leave it out")
        contents = bundles.load(flags.bundle)
        if flags.cameras != "none":
            eyes.known_cameras(contents)
        ros = program.ros_module()
        errors = Errors(**{name: getattr(flags, name) for name in Errors._fields})
        config = trial_config(contents, flags.world, flags.seed, timeout_s=80.0)
        simulated = make(config, flags.model_patch, flags.seed, errors)
        assistant = None if flags.without_object else Assistant(simulated, contents)
        if flags.without_object:
            simulated.take_object_away()
        wire = Wire(simulated, errors.delay_s)
        make_film = None
        if flags.cameras != "none":
            from hardware.simulated_cameras import Film, Studio

            def make_film(publish):
                def make_studio():
                    return Studio(contents, flags.cameras, flags.look)

                return Film(make_studio, 1 / flags.camera_rate, publish)

        ros.serve(simulated, assistant, contents, wire, flags.realtime_factor, make_film)

    return program.run(serve, parser, argv)


if __name__ == "__main__":
    sys.exit(main())
