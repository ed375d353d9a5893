"""Serves a simulated hand over ROS, behind the topics of a real hand, its tracker and cameras."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep
from time import time as wall_time
from xml.etree import ElementTree

import numpy as np
import rospy
from geometry_msgs.msg import PoseArray, PoseStamped
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image as ImageMessage
from sensor_msgs.msg import JointState as JointStateMessage
from std_msgs.msg import Float64

from hardware.base.messages import Image
from hardware.bundle.store import Bundle
from hardware.robots.ros import conversions, node
from hardware.robots.ros.topics import (
    CAMERAS,
    DESCRIPTION,
    FINGERTIPS,
    JOINT_STATES,
    OBJECT_POSE,
    command_topic,
)
from hardware.simulation.assistant import Assistant
from hardware.simulation.cameras import CameraThread
from hardware.simulation.hand import SimulatedHand
from hardware.simulation.readings import DelayedReadings


def serve(
    simulated: SimulatedHand,
    assistant: Assistant | None,
    bundle: Bundle,
    readings: DelayedReadings,
    realtime_factor: float,
    camera_rate: float | None = None,
) -> None:
    """Runs a simulated hand behind the topics until ROS shuts down.

    Args:
        simulated: the hand.
        assistant: puts the object back after a drop; None leaves it where it falls.
        bundle: bundle with the names of joints and actuators.
        readings: the hand's delayed readings.
        realtime_factor: simulated seconds per second; unless it is 1, all nodes use /clock.
        camera_rate: frame rate of each camera, Hz; None without cameras.

    Raises:
        UserError: there is no ROS master, or the cameras cannot be rendered.
    """
    simulated_clock = realtime_factor != 1.0
    node.start("simulated_hand", simulated_clock=simulated_clock)
    rospy.set_param(DESCRIPTION, _description(bundle))
    clock = rospy.Publisher("/clock", Clock, queue_size=10) if simulated_clock else None
    joint_states = rospy.Publisher(JOINT_STATES, JointStateMessage, queue_size=10)
    poses = rospy.Publisher(OBJECT_POSE, PoseStamped, queue_size=10)
    fingertips = rospy.Publisher(FINGERTIPS, PoseArray, queue_size=10)
    cameras = None
    if camera_rate is not None:
        cameras = CameraThread(bundle, 1 / camera_rate, _image_publisher(bundle))
    inbox = _Inbox(bundle)
    print("simulated hand: ready", flush=True)
    due = monotonic()
    offset = 0.0 if simulated_clock else wall_time() - simulated.time  # from hand time to stamps
    while not rospy.is_shutdown():
        before = simulated.time
        targets = inbox.command()
        if targets is not None:
            simulated.command(targets)
        simulated.tick()
        if assistant is not None:
            assistant.look()
        if clock is not None:  # before the readings of that time, which use other connections
            clock.publish(Clock(clock=rospy.Time.from_sec(simulated.time)))
        due += (simulated.time - before) / realtime_factor
        late = monotonic() - due
        sleep(max(-late, 0.0))
        if late > 0:  # on a slow machine, time passes more slowly
            due += late
            offset += 0.0 if simulated_clock else late
        if cameras is not None:
            cameras.expose(simulated, offset)
        for reading in readings.pass_on():
            joint_states.publish(conversions.joint_state_message(reading.joints, offset))
            if reading.pose is not None:
                poses.publish(conversions.pose_message(reading.pose, offset))
            fingertips.publish(conversions.fingertips_message(reading.tips, offset))


class _Inbox:
    """Collects the actuators' commands, which arrive one by one."""

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
        """The targets, if all have arrived, or none since the last call; otherwise None."""
        count, before = len(self._heard), self._before
        complete = count == len(self._targets) or 0 < count == before
        self._before = 0 if complete else count
        if not complete:
            return None
        self._heard.clear()
        return self._targets.copy()


def _description(bundle: Bundle) -> str:
    """A URDF with the joints' limits, which is all that clients read of it."""
    robot = ElementTree.Element("robot", name="shadow_hand")
    for joint in bundle.contract["joints"]:
        element = ElementTree.SubElement(robot, "joint", name=joint["name"], type="revolute")
        limits = {"lower": repr(joint["low"]), "upper": repr(joint["high"])}
        ElementTree.SubElement(element, "limit", limits)
    return ElementTree.tostring(robot, encoding="unicode")


def _image_publisher(bundle: Bundle) -> Callable[[list[Image]], None]:
    """Returns a function that publishes the pictures of simulated cameras."""
    names = [camera["name"] for camera in bundle.contract["vision"]["cameras"]]
    publishers = {
        name: rospy.Publisher(f"{CAMERAS}/{name}", ImageMessage, queue_size=2) for name in names
    }

    def publish(images: list[Image]) -> None:
        for image in images:
            publishers[image.camera].publish(conversions.image_message(image))

    return publish
