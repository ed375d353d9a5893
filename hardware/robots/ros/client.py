"""Client of a hand over ROS 1: the real one, or a simulated one behind the same topics."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from time import monotonic, sleep
from types import MappingProxyType
from typing import Any

import numpy as np
import rospy
from geometry_msgs.msg import PoseArray, PoseStamped
from sensor_msgs.msg import Image as ImageMessage
from sensor_msgs.msg import JointState as JointStateMessage
from std_msgs.msg import Float64
from std_srvs.srv import Trigger, TriggerResponse

from hardware.base.errors import UserError, describe
from hardware.bundle.store import Bundle
from hardware.robots.robot import Listeners
from hardware.robots.ros import conversions, node, preflight
from hardware.robots.ros.topics import JOINT_STATES, NODE, STOP, command_topic
from hardware.robots.ros.watch import StopBox, Watch
from hardware.safety.limits import Limits

_STANDSTILL = 10.0  # s that the ROS clock may stand still
_BUFFER = 2**24  # bytes, larger than a picture


class RosRobot:
    """A `robot.Robot` over ROS; the constructor refuses a hand that does not fit the bundle.

    Args:
        bundle: bundle of the policy to run.
        pose_topic, fingertips_topic: topics of the motion tracker; None if not needed.
        camera_topics: names of cameras by topic.
        stop_topic: topic of a stop box, see `StopBox`; None without one.

    Raises:
        UserError: the hand, its controllers, its tracker or its cameras are not ready.
    """

    def __init__(
        self,
        bundle: Bundle,
        pose_topic: str | None,
        fingertips_topic: str | None,
        camera_topics: Mapping[str, str] = MappingProxyType({}),
        stop_topic: str | None = None,
    ):
        self._seen: dict[str, Any] = {}
        if pose_topic:
            self._seen[pose_topic] = PoseStamped
        if fingertips_topic:
            self._seen[fingertips_topic] = PoseArray
        self._cameras = camera_topics
        node.start(NODE)
        self._limits = preflight.check(bundle, self._seen, camera_topics)
        self._actuators = bundle.actuators
        self._publishers = [
            rospy.Publisher(command_topic(name), Float64, queue_size=1, tcp_nodelay=True)
            for name in bundle.actuators
        ]
        self._wait_for_controllers()
        self._open = True
        self._failure = ""
        self._watch = Watch(bundle)
        self._box = StopBox(stop_topic) if stop_topic else None

    def now(self) -> float:
        """See `robot.Robot`."""
        return rospy.get_time()

    def wait_until(self, time: float) -> None:
        """See `robot.Robot`.

        Raises:
            UserError: ROS has shut down, or its clock stands still.
        """
        slice_s = 0.1 if rospy.rostime.is_wallclock() else 0.002
        latest, moved = float("-inf"), monotonic()
        while True:
            now = rospy.get_time()
            if now > latest:
                latest, moved = now, monotonic()
            if rospy.is_shutdown():
                raise UserError("ROS has shut this program down; is the master still running?")
            if monotonic() - moved > _STANDSTILL:
                raise UserError("the ROS clock stands still: did the publisher of /clock end?")
            if now >= time:
                return
            sleep(min(time - now, slice_s))

    def every(self, period: float, call: Callable[[], None]) -> None:
        """See `robot.Robot`; the period is measured on the wall clock."""

        def repeat():
            try:
                while self._open:
                    call()
                    sleep(period)
            except Exception as error:  # `trouble` reports it
                self._failure = f"a thread of this program ended ({describe(error)})"

        threading.Thread(target=repeat, daemon=True).start()

    def listen(self, to: Listeners) -> None:
        """See `robot.Robot`; requests to stop come from the service `STOP` and the stop box."""

        def joint_state(message):
            to.joint_state(conversions.joint_state(message))

        def pose(message):
            to.pose(conversions.pose(message))

        def fingertips(message):
            to.fingertips(conversions.fingertips(message))

        def image(message, camera):
            to.image(conversions.image(message, camera))

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
                    buff_size=_BUFFER,  # a buffer smaller than a picture delivers old pictures
                    tcp_nodelay=True,
                )
                for topic, camera in self._cameras.items()
            ),
        ]
        self._watch.start(rospy.Service(STOP, Trigger, stop))
        if self._box is not None:
            self._box.listen(to.stop)

    def limits(self) -> Limits:
        """See `robot.Robot`; they come from the hand's URDF."""
        return self._limits

    def trouble(self) -> str:
        """See `robot.Robot`."""
        around = self._failure or self._watch.trouble()
        if around:
            return around
        for name, publisher in zip(self._actuators, self._publishers):
            if not publisher.get_num_connections():
                return f"nobody receives the commands of {name} any more"
        return self._box.trouble() if self._box is not None else ""

    def send(self, targets: np.ndarray) -> None:
        """See `robot.Robot`; sends nothing after ROS has shut down, which `wait_until` reports."""
        try:
            for publisher, target in zip(self._publishers, targets):
                publisher.publish(float(target))
        except rospy.ROSException:
            if not rospy.is_shutdown():
                raise

    def close(self) -> None:
        """See `robot.Robot`."""
        self._open = False
        self._watch.close()
        rospy.signal_shutdown("the session is over")

    def _wait_for_controllers(self) -> None:
        until = monotonic() + preflight.PATIENCE
        while not all(publisher.get_num_connections() for publisher in self._publishers):
            if monotonic() > until:
                raise UserError("the position controllers do not receive commands; restart them")
            sleep(0.01)
