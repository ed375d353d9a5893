"""Both ends of the wire: a real hand over ROS 1, and a simulated one behind the same topics.

::

    /joint_states                               sensor_msgs/JointState at 125 Hz, from the hand
    /sh_rh_<joint>_position_controller/command  std_msgs/Float64 [rad], to the hand, for an actuator
    /object_pose                                geometry_msgs/PoseStamped, from the motion tracker
    /fingertips                                 geometry_msgs/PoseArray: FF, MF, RF, LF, TH, from it
    /cameras/<name>                             sensor_msgs/Image, from cameras in its place
    /stop                                       std_srvs/Trigger: holds the hand for good

The first two are those of Shadow Robot's driver for its Dexterous Hand. This module needs rospy and
those messages, and nothing else does.
"""

from __future__ import annotations

import importlib
import socket
import threading
import traceback
from collections.abc import Callable, Mapping
from time import monotonic, sleep
from time import time as wall_time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse
from xml.etree import ElementTree

import numpy as np
import rosgraph
import rospy
from geometry_msgs.msg import Pose as PoseMessage
from geometry_msgs.msg import PoseArray, PoseStamped
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image as ImageMessage
from sensor_msgs.msg import JointState as JointStateMessage
from std_msgs.msg import Float64
from std_srvs.srv import Trigger, TriggerResponse

from hardware.sight import cameras
from hardware.base import rotations
from hardware.bundle.store import Bundle
from hardware.base.messages import Fingertips, Image, JointState, Pose
from hardware.base.errors import UserError
from hardware.robots.robot import Listeners
from hardware.sight.tracker import FOREARM_FRAME, FOREARM_TURN

if TYPE_CHECKING:
    from hardware.simulation.cameras import Film
    from hardware.simulation.hand import Assistant, SimulatedHand, Wire

JOINT_STATES = "/joint_states"
TRAJECTORY_CONTROLLERS = ("rh_trajectory_controller", "rh_wr_trajectory_controller")
LIST_CONTROLLERS = "/controller_manager/list_controllers"
OBJECT_POSE = "/object_pose"
FINGERTIPS = "/fingertips"
CAMERAS = "/cameras"  # below it the simulated ones, by name
DESCRIPTION = "/robot_description"
STOP = "/stop"
_PATIENCE = 5.0  # s to wait for a topic before a start is refused
_STANDSTILL = 10.0  # s that the clock of ROS may stand still
_LIMIT_TOLERANCE = 1e-3  # rad
_BUFFER = 2**24  # bytes, more than a picture has
_TO_FOREARM = rotations.conjugate(FOREARM_TURN)


class RosRobot:
    """A `robot.Robot` over ROS; refuses, when made, a hand that the bundle does not fit.

    Args:
        bundle: the policy to be run.
        pose_topic, fingertips_topic: of the motion tracker; None for what is not needed.
        camera_topics: names of cameras by their topics.

    Raises:
        UserError: the hand, its controllers, its tracker or its cameras are not as they must be.
    """

    def __init__(
        self,
        bundle: Bundle,
        pose_topic: str | None,
        fingertips_topic: str | None,
        camera_topics: Mapping[str, str] = MappingProxyType({}),
    ):
        self._seen: dict[str, Any] = {}
        if pose_topic:
            self._seen[pose_topic] = PoseStamped
        if fingertips_topic:
            self._seen[fingertips_topic] = PoseArray
        self._cameras = camera_topics
        _start_node("dactyl_jax", anonymous=True)  # a second one must not end the first
        _check(bundle, self._seen, camera_topics)
        self._publishers = [
            rospy.Publisher(command_topic(name), Float64, queue_size=1, tcp_nodelay=True)
            for name in bundle.actuators
        ]
        _wait(
            lambda: all(publisher.get_num_connections() for publisher in self._publishers),
            "the position controllers do not take commands",
        )
        self._open = True
        self._failure = ""

    def now(self) -> float:
        """See `robot.Robot`."""
        return rospy.get_time()

    def wait_until(self, time: float) -> None:
        """See `robot.Robot`.

        Raises:
            UserError: ROS has ended, or its clock stands still.
            RuntimeError: a thread of `every` has ended.
        """
        slice_s = 0.1 if rospy.rostime.is_wallclock() else 0.002
        latest, moved = float("-inf"), monotonic()
        while True:
            now = rospy.get_time()
            if now > latest:
                latest, moved = now, monotonic()
            if self._failure:
                raise RuntimeError(f"a thread failed: {self._failure}")
            if rospy.is_shutdown():
                raise UserError("ROS has ended this program; is its master still there?")
            if monotonic() - moved > _STANDSTILL:
                raise UserError("the clock of ROS stands still: did the publisher of /clock end?")
            if now >= time:
                return
            sleep(min(time - now, slice_s))

    def every(self, period: float, call: Callable[[], None]) -> None:
        """See `robot.Robot`; the period is of the wall clock."""

        def repeat():
            try:
                while self._open:
                    call()
                    sleep(period)
            except Exception:
                self._failure = traceback.format_exc()

        threading.Thread(target=repeat, daemon=True).start()

    def listen(self, to: Listeners) -> None:
        """See `robot.Robot`; `/stop` asks to stop."""

        def joint_state(message):
            to.joint_state(
                JointState(
                    message.header.stamp.to_sec(),
                    tuple(message.name),
                    np.array(message.position),
                    np.array(message.velocity),
                )
            )

        def pose(message):
            at, turn = message.pose.position, message.pose.orientation
            to.pose(
                Pose(
                    message.header.stamp.to_sec(),
                    message.header.frame_id,
                    np.array([at.x, at.y, at.z]),
                    np.array([turn.w, turn.x, turn.y, turn.z]),
                )
            )

        def fingertips(message):
            places = [pose.position for pose in message.poses]
            to.fingertips(
                Fingertips(
                    message.header.stamp.to_sec(),
                    message.header.frame_id,
                    np.array([[at.x, at.y, at.z] for at in places]).reshape(-1, 3),
                )
            )

        def image(message, camera):
            to.image(_image(message, camera))

        def stop(request):
            to.stop(f"the service {STOP}")
            return TriggerResponse(success=True, message="the hand is held")

        options = {"queue_size": 10, "tcp_nodelay": True}
        take = {PoseStamped: pose, PoseArray: fingertips}
        self._subscribers = [
            rospy.Subscriber(JOINT_STATES, JointStateMessage, joint_state, **options),
            *(
                rospy.Subscriber(topic, kind, take[kind], **options)
                for topic, kind in self._seen.items()
            ),
            *(
                rospy.Subscriber(
                    topic,
                    ImageMessage,
                    image,
                    camera,
                    queue_size=1,
                    buff_size=_BUFFER,  # smaller than a picture, it would keep old ones
                    tcp_nodelay=True,
                )
                for topic, camera in self._cameras.items()
            ),
        ]
        self._service = rospy.Service(STOP, Trigger, stop)

    def send(self, targets: np.ndarray) -> None:
        """See `robot.Robot`; once ROS has ended nothing is sent, which `wait_until` says."""
        try:
            for publisher, target in zip(self._publishers, targets):
                publisher.publish(float(target))
        except rospy.ROSException:
            if not rospy.is_shutdown():
                raise

    def close(self) -> None:
        """See `robot.Robot`."""
        self._open = False
        rospy.signal_shutdown("the session is over")


def command_topic(actuator: str) -> str:
    """The topic of an actuator's position controller, such as that of `rh_A_FFJ0`."""
    joint = actuator[len("rh_A_") :].lower()
    return f"/sh_rh_{joint}_position_controller/command"


def limits_of(description: str) -> dict[str, tuple[float, float]]:
    """Lowest and highest angle of every joint of a URDF that has them, rad.

    Raises:
        UserError: the text is no URDF.
    """
    try:
        joints = ElementTree.fromstring(description).iter("joint")
        pairs = [(joint.get("name", ""), joint.find("limit")) for joint in joints]
        return {
            name: (float(limit.get("lower", 0)), float(limit.get("upper", 0)))
            for name, limit in pairs
            if limit is not None
        }
    except (ElementTree.ParseError, ValueError) as error:
        raise UserError(f"{DESCRIPTION} is no URDF ({error}); start the hand's driver") from None


def refuse_limits(bundle: Bundle, of_hand: dict[str, tuple[float, float]]) -> None:
    """Refuses a policy that may ask for more than the hand has.

    Args:
        bundle: the policy.
        of_hand: lowest and highest angle of the hand's joints, rad.

    Raises:
        UserError: names the actuator, what the bundle asks for and what the hand has.
    """
    for actuator in bundle.contract["actuators"]:
        missing = [name for name in actuator["joints"] if name not in of_hand]
        if missing:
            raise UserError(f"{DESCRIPTION} has no limits of {missing[0]}; is it another hand?")
        low = sum(of_hand[name][0] for name in actuator["joints"])
        high = sum(of_hand[name][1] for name in actuator["joints"])
        excess = max(low - actuator["low"], actuator["high"] - high)
        if excess > _LIMIT_TOLERANCE:
            raise UserError(
                f"the bundle may command {actuator['name']} from {actuator['low']:.3f} to "
                f"{actuator['high']:.3f} rad, and this hand goes from {low:.3f} to {high:.3f}: "
                "train a policy for this hand's limits"
            )


def serve(
    simulated: SimulatedHand,
    assistant: Assistant | None,
    bundle: Bundle,
    wire: Wire,
    realtime_factor: float,
    make_film: Callable[[Callable[[list[Image]], None]], Film] | None = None,
) -> None:
    """Runs a simulated hand behind the topics until ROS ends.

    Args:
        simulated: the hand.
        assistant: who puts the object back; None where there is none.
        bundle: names of joints and actuators.
        wire: what delivers the hand's readings.
        realtime_factor: simulated seconds per second; other than 1 all use /clock.
        make_film: makes, of what publishes pictures, the cameras; None where there are none.
    """
    simulated_clock = realtime_factor != 1.0
    _start_node("simulated_hand", simulated_clock=simulated_clock)
    rospy.set_param(DESCRIPTION, _description(bundle))
    clock = rospy.Publisher("/clock", Clock, queue_size=10) if simulated_clock else None
    joint_states = rospy.Publisher(JOINT_STATES, JointStateMessage, queue_size=10)
    poses = rospy.Publisher(OBJECT_POSE, PoseStamped, queue_size=10)
    fingertips = rospy.Publisher(FINGERTIPS, PoseArray, queue_size=10)
    film = None if make_film is None else make_film(_image_publisher(bundle))
    inbox = _Inbox(bundle)
    print("simulated hand: ready", flush=True)
    due = monotonic()
    offset = 0.0 if simulated_clock else wall_time() - simulated.time  # of stamps
    while not rospy.is_shutdown():
        before = simulated.time
        targets = inbox.command()
        if targets is not None:
            simulated.command(targets)
        simulated.tick()
        if assistant is not None:
            assistant.look()
        if clock is not None:  # before the readings of that time, which take another way
            clock.publish(Clock(clock=rospy.Time.from_sec(simulated.time)))
        due += (simulated.time - before) / realtime_factor
        late = monotonic() - due
        sleep(max(-late, 0.0))
        if late > 0:  # a slow machine: time passes more slowly
            due += late
            offset += 0.0 if simulated_clock else late
        if film is not None:
            film.expose(simulated, offset)
        for reading in wire.pass_on():
            joint_states.publish(_joint_state_message(reading.joints, offset))
            if reading.pose is not None:
                poses.publish(_pose_message(reading.pose, offset))
            fingertips.publish(_fingertips_message(reading.tips, offset))


class _Inbox:
    """Commands of all actuators, which come one by one."""

    def __init__(self, bundle: Bundle):
        self._targets = bundle.start_targets
        self._heard: set[int] = set()
        self._before = 0
        for index, name in enumerate(bundle.actuators):

            def take(message, index=index):
                self._targets[index] = message.data
                self._heard.add(index)

            rospy.Subscriber(command_topic(name), Float64, take, tcp_nodelay=True)

    def command(self) -> np.ndarray | None:
        """The targets, once all have come, or no more of them since the last call; else None."""
        count, before = len(self._heard), self._before
        complete = count == len(self._targets) or 0 < count == before
        self._before = 0 if complete else count
        if not complete:
            return None
        self._heard.clear()
        return self._targets.copy()


def _start_node(name: str, *, anonymous: bool = False, simulated_clock: bool | None = None) -> None:
    """Joins the master; says, unless None, whether all are to follow /clock."""
    if not rosgraph.is_master_online():
        raise UserError(
            f"there is no ROS master at {rosgraph.get_master_uri()}; start it or set ROS_MASTER_URI"
        )
    if simulated_clock is not None:
        rosgraph.Master(f"/{name}").setParam("/use_sim_time", simulated_clock)
    rospy.init_node(name, anonymous=anonymous, disable_signals=True)


def _check(bundle: Bundle, seen: dict[str, Any], camera_topics: Mapping[str, str]) -> None:
    """Refuses to start while something of the hand is not as it must be.

    Args:
        bundle: the policy to be run.
        seen: types of the tracker's messages, by topic.
        camera_topics: names of cameras by their topics.
    """
    _check_controllers(bundle)
    if not rospy.has_param(DESCRIPTION):
        raise UserError(f"the parameter {DESCRIPTION} is missing; start the hand's driver")
    refuse_limits(bundle, limits_of(rospy.get_param(DESCRIPTION)))
    names = _first(JOINT_STATES, JointStateMessage, "start the hand's driver").name
    for joint in bundle.joints:
        if joint not in names:
            raise UserError(
                f"{JOINT_STATES} has no {joint}, but {', '.join(sorted(names)[:4])}, ...: is it a "
                "right hand with the maker's names?"
            )
    master = rosgraph.Master(rospy.get_name())
    publishers, types = dict(master.getSystemState()[0]), dict(master.getTopicTypes())
    for topic, kind in seen.items():  # a tracker that sees nothing may send nothing
        there = any(_answers(master, node) for node in publishers.get(topic, ()))
        if not there or types.get(topic) != kind._type:
            raise UserError(
                f"nobody publishes {kind._type} on {topic}; start the motion tracker, or name its "
                "topic; --help lists the flags"
            )
    for topic, camera in camera_topics.items():
        message = _first(topic, ImageMessage, "start the camera, or name its topic")
        try:
            cameras.pixels(_image(message, camera))
        except ValueError as error:
            raise UserError(f"{topic}: {error}") from None


def _check_controllers(bundle: Bundle) -> None:
    """Refuses to start unless the position controllers, and they alone, wait for commands.

    A controller manager knows which controllers run. Where there is none, or no messages to ask it,
    one that listens is taken for one that runs.
    """
    master = rosgraph.Master(rospy.get_name())
    publishers, subscribers, services = map(dict, master.getSystemState())
    states = _controller_states() if LIST_CONTROLLERS in services else None

    def runs(controller: str) -> bool:
        listens = bool(subscribers.get(f"/{controller}/command"))
        return listens and (states is None or states.get(controller) == "running")

    for controller in TRAJECTORY_CONTROLLERS:
        if runs(controller):
            raise UserError(
                f"the trajectory controller {controller} runs and would fight the policy; switch "
                "the hand to position control first"
            )
    for name in bundle.actuators:
        topic = command_topic(name)
        for node in publishers.get(topic, ()):
            if _answers(master, node):
                raise UserError(f"{node} commands the hand, too, on {topic}; end it first")
    for name in bundle.actuators:
        controller = command_topic(name).split("/")[1]
        if not runs(controller):
            raise UserError(
                f"the position controller {controller} does not run; switch the hand to position "
                "control"
            )


def _controller_states() -> dict[str, str] | None:
    """What a controller manager says of its controllers; None without its messages."""
    try:
        srv = importlib.import_module("controller_manager_msgs.srv")
    except ImportError:
        return None
    try:
        answer = rospy.ServiceProxy(LIST_CONTROLLERS, srv.ListControllers)()
    except rospy.ServiceException as error:
        raise UserError(f"{LIST_CONTROLLERS} does not answer ({error}); restart the hand") from None
    return {controller.name: controller.state for controller in answer.controller}


def _answers(master: rosgraph.Master, node: str) -> bool:
    """Whether a node is there; a master remembers those that were killed."""
    try:
        address = urlparse(master.lookupNode(node))
        socket.create_connection((address.hostname, address.port), _PATIENCE).close()
    except (OSError, rosgraph.MasterException):
        return False
    return True


def _first(topic: str, kind: Any, advice: str) -> Any:
    """The next message of a topic."""
    try:
        return rospy.wait_for_message(topic, kind, timeout=_PATIENCE)
    except rospy.ROSException:
        raise UserError(f"nothing came on {topic} for {_PATIENCE:g} s; {advice}") from None


def _wait(done: Callable[[], bool], otherwise: str) -> None:
    until = monotonic() + _PATIENCE
    while not done():
        if monotonic() > until:
            raise UserError(f"{otherwise}; restart them")
        sleep(0.01)


def _description(bundle: Bundle) -> str:
    """A URDF of the joints' limits, all that is read of it."""
    robot = ElementTree.Element("robot", name="shadow_hand")
    for joint in bundle.contract["joints"]:
        element = ElementTree.SubElement(robot, "joint", name=joint["name"], type="revolute")
        limits = {"lower": repr(joint["low"]), "upper": repr(joint["high"])}
        ElementTree.SubElement(element, "limit", limits)
    return ElementTree.tostring(robot, encoding="unicode")


def _joint_state_message(joints: JointState, offset: float) -> JointStateMessage:
    message = JointStateMessage(name=list(joints.names), position=list(joints.position))
    message.velocity, message.effort = list(joints.velocity), [0.0] * len(joints.names)
    message.header.stamp = rospy.Time.from_sec(joints.stamp + offset)
    return message


def _image(message: ImageMessage, camera: str) -> Image:
    return Image(
        message.header.stamp.to_sec(),
        camera,
        message.encoding,
        message.height,
        message.width,
        message.step,
        message.data,
    )


def _image_publisher(bundle: Bundle) -> Callable[[list[Image]], None]:
    """What publishes the pictures of simulated cameras."""
    names = [camera["name"] for camera in bundle.contract["vision"]["cameras"]]
    publishers = {
        name: rospy.Publisher(f"{CAMERAS}/{name}", ImageMessage, queue_size=2) for name in names
    }

    def publish(images: list[Image]) -> None:
        for image in images:
            message = ImageMessage(encoding=image.encoding, data=image.data)
            message.height, message.width, message.step = image.height, image.width, image.step
            message.header.stamp = rospy.Time.from_sec(image.stamp)
            message.header.frame_id = image.camera
            publishers[image.camera].publish(message)

    return publish


def _pose_message(pose: Pose, offset: float) -> PoseStamped:
    message = PoseStamped()
    message.header.stamp = rospy.Time.from_sec(pose.stamp + offset)
    message.header.frame_id = FOREARM_FRAME
    at, turn = message.pose.position, message.pose.orientation
    at.x, at.y, at.z = rotations.rotate(_TO_FOREARM, pose.position)
    turn.w, turn.x, turn.y, turn.z = rotations.multiply(_TO_FOREARM, pose.orientation)
    return message


def _fingertips_message(tips: Fingertips, offset: float) -> PoseArray:
    message = PoseArray()
    message.header.stamp = rospy.Time.from_sec(tips.stamp + offset)
    message.header.frame_id = FOREARM_FRAME
    for place in rotations.rotate(_TO_FOREARM, tips.positions):
        pose = PoseMessage()
        pose.position.x, pose.position.y, pose.position.z = place
        pose.orientation.w = 1.0
        message.poses.append(pose)
    return message
