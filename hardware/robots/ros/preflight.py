"""Whether a hand over ROS is one that a policy may command, before it is asked for anything."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from time import monotonic
from typing import Any
from xml.etree import ElementTree

import rosgraph
import rospy
from sensor_msgs.msg import Image as ImageMessage
from sensor_msgs.msg import JointState as JointStateMessage

from hardware.base.errors import UserError
from hardware.bundle.store import Bundle
from hardware.robots.ros import conversions, node
from hardware.robots.ros.node import PATIENCE
from hardware.robots.ros.topics import (
    DESCRIPTION,
    JOINT_STATES,
    LIST_CONTROLLERS,
    TRAJECTORY_CONTROLLERS,
    command_topic,
)
from hardware.safety import limits
from hardware.safety.limits import Joint, Limits
from hardware.sight import cameras

_LIMIT_TOLERANCE = 1e-3  # rad


def check(bundle: Bundle, seen: dict[str, Any], camera_topics: Mapping[str, str]) -> Limits:
    """Refuses to start while something of the hand is not as it must be.

    Args:
        bundle: the policy to be run.
        seen: types of the tracker's messages, by topic.
        camera_topics: names of cameras by their topics.

    Returns:
        What the hand says of its own limits.

    Raises:
        UserError: says what is not, and what to do.
    """
    _check_controllers(bundle)
    if not rospy.has_param(DESCRIPTION):
        raise UserError(f"the parameter {DESCRIPTION} is missing; start the hand's driver")
    of_hand = joints_of(rospy.get_param(DESCRIPTION))
    refuse_limits(bundle, of_hand)
    _check_joints(bundle)
    master = rosgraph.Master(rospy.get_name())
    publishers, types = dict(master.getSystemState()[0]), dict(master.getTopicTypes())
    for name, kind in seen.items():  # a tracker that sees nothing may send nothing
        topic = rospy.resolve_name(name)
        there = any(node.answers(master, other) for other in publishers.get(topic, ()))
        if not there or types.get(topic) != kind._type:
            raise UserError(
                f"nobody publishes {kind._type} on {topic}; start the motion tracker, or name its "
                "topic; --help lists the flags"
            )
    for topic, camera in camera_topics.items():
        message = _first_message(topic, ImageMessage, "start the camera, or name its topic")
        try:
            cameras.pixels(conversions.image(message, camera))
        except ValueError as error:
            raise UserError(f"{topic}: {error}") from None
    return limits.of_hand(of_hand)


def joints_of(description: str) -> dict[str, Joint]:
    """What a URDF allows of every joint that has limits; a speed that it leaves out is no limit.

    Raises:
        UserError: the text is no URDF.
    """
    try:
        joints = ElementTree.fromstring(description).iter("joint")
        pairs = [(joint.get("name", ""), joint.find("limit")) for joint in joints]
        return {
            name: Joint(
                float(limit.get("lower", 0)),
                float(limit.get("upper", 0)),
                float(limit.get("velocity", 0)) or float("inf"),
            )
            for name, limit in pairs
            if limit is not None
        }
    except (ElementTree.ParseError, ValueError) as error:
        raise UserError(f"{DESCRIPTION} is no URDF ({error}); start the hand's driver") from None


def refuse_limits(bundle: Bundle, of_hand: dict[str, Joint]) -> None:
    """Refuses a policy that may ask for more than the hand has.

    Args:
        bundle: the policy.
        of_hand: what it allows of its joints.

    Raises:
        UserError: names the actuator, what the bundle asks for and what the hand has.
    """
    for actuator in bundle.contract["actuators"]:
        missing = [name for name in actuator["joints"] if name not in of_hand]
        if missing:
            raise UserError(f"{DESCRIPTION} has no limits of {missing[0]}; is it another hand?")
        low = sum(of_hand[name].low for name in actuator["joints"])
        high = sum(of_hand[name].high for name in actuator["joints"])
        excess = max(low - actuator["low"], actuator["high"] - high)
        if not excess <= _LIMIT_TOLERANCE:
            raise UserError(
                f"the bundle may command {actuator['name']} from {actuator['low']:.3f} to "
                f"{actuator['high']:.3f} rad, and this hand goes from {low:.3f} to {high:.3f}: "
                "train a policy for this hand's limits"
            )


def _check_controllers(bundle: Bundle) -> None:
    """Refuses to start unless the position controllers, and they alone, wait for commands.

    A controller manager knows which controllers run. Where there is none, or no messages to ask it,
    one that listens is taken for one that runs.
    """
    master = rosgraph.Master(rospy.get_name())
    _, subscribers, services = map(dict, master.getSystemState())
    states = _controller_states() if LIST_CONTROLLERS in services else None

    def runs(controller: str) -> bool:
        listens = bool(subscribers.get(rospy.resolve_name(f"/{controller}/command")))
        return listens and (states is None or states.get(controller) == "running")

    for controller in TRAJECTORY_CONTROLLERS:
        if runs(controller):
            raise UserError(
                f"the trajectory controller {controller} runs and would fight the policy; switch "
                "the hand to position control first"
            )
    rival = rival_of(rospy.get_name(), bundle, master)
    if rival:
        raise UserError(f"{rival}; end it first")
    for name in bundle.actuators:
        controller = command_topic(name).split("/")[1]
        if not runs(controller):
            raise UserError(
                f"the position controller {controller} does not run; switch the hand to position "
                "control"
            )


def rival_of(me: str, bundle: Bundle, master: rosgraph.Master) -> str:
    """Who else commands the hand, in words; empty if nobody does.

    Args:
        me: the name of this node.
        bundle: whose actuators are commanded.
        master: to be asked.
    """
    publishers = dict(master.getSystemState()[0])
    for actuator in bundle.actuators:
        topic = rospy.resolve_name(command_topic(actuator))
        for other in publishers.get(topic, ()):
            if other != me and node.answers(master, other):
                return f"{other} commands the hand, too, on {topic}"
    return ""


def _check_joints(bundle: Bundle) -> None:
    """Refuses a hand that does not report all joints, in whichever messages."""
    names: set[str] = set()
    until = monotonic() + PATIENCE
    while not names.issuperset(bundle.joints):
        message = _first_message(JOINT_STATES, JointStateMessage, "start the hand's driver")
        names.update(message.name)
        if monotonic() > until:
            joint = next(joint for joint in bundle.joints if joint not in names)
            raise UserError(
                f"{JOINT_STATES} has no {joint}, but {', '.join(sorted(names)[:4])}, ...: is it a "
                "right hand with the maker's names?"
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


def _first_message(topic: str, kind: Any, advice: str) -> Any:
    """The next message of a topic."""
    try:
        return rospy.wait_for_message(topic, kind, timeout=PATIENCE)
    except rospy.ROSException:
        raise UserError(f"nothing came on {topic} for {PATIENCE:g} s; {advice}") from None
