"""Checks that a policy may command a hand over ROS, before the first command."""

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
    """Checks controllers, limits, joints, tracker and cameras of a hand.

    Args:
        bundle: bundle of the policy to run.
        seen: types of the tracker's messages by topic.
        camera_topics: names of cameras by topic.

    Returns:
        The limits in the hand's URDF.

    Raises:
        UserError: something is not ready; the message says what, and what to do.
    """
    _check_controllers(bundle)
    if not rospy.has_param(DESCRIPTION):
        raise UserError(f"the parameter {DESCRIPTION} is missing; start the hand's driver")
    of_hand = joints_of(rospy.get_param(DESCRIPTION))
    refuse_limits(bundle, of_hand)
    _check_joints(bundle)
    master = rosgraph.Master(rospy.get_name())
    publishers, types = dict(master.getSystemState()[0]), dict(master.getTopicTypes())
    for name, kind in seen.items():  # do not wait for a message: a tracker may see nothing yet
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
    """Reads the limits of all joints from a URDF; without a velocity, the speed is unlimited.

    Raises:
        UserError: the text is not a URDF.
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
        raise UserError(f"{DESCRIPTION} is not a URDF ({error}); start the hand's driver") from None


def refuse_limits(bundle: Bundle, of_hand: dict[str, Joint]) -> None:
    """Refuses a policy that may command positions outside the hand's limits.

    Args:
        bundle: bundle of the policy.
        of_hand: the hand's limits by joint.

    Raises:
        UserError: an actuator's range in the bundle exceeds the hand's; the message gives both.
    """
    for actuator in bundle.contract["actuators"]:
        missing = [name for name in actuator["joints"] if name not in of_hand]
        if missing:
            raise UserError(
                f"{DESCRIPTION} has no limits for {missing[0]}; is it a different hand?"
            )
        low = sum(of_hand[name].low for name in actuator["joints"])
        high = sum(of_hand[name].high for name in actuator["joints"])
        excess = max(low - actuator["low"], actuator["high"] - high)
        if not excess <= _LIMIT_TOLERANCE:
            raise UserError(
                f"the bundle may command {actuator['name']} from {actuator['low']:.3f} to "
                f"{actuator['high']:.3f} rad, but this hand goes from {low:.3f} to {high:.3f}: "
                "train a policy for this hand's limits"
            )


def _check_controllers(bundle: Bundle) -> None:
    """Refuses to start unless the position controllers, and no others, run.

    The controller manager knows which controllers run. Without it, or without its message package,
    a controller that subscribes to its command topic is assumed to run.
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
    """Says which other node commands the hand; empty if none does.

    Args:
        me: name of this node.
        bundle: bundle with the hand's actuators.
        master: the ROS master.
    """
    publishers = dict(master.getSystemState()[0])
    for actuator in bundle.actuators:
        topic = rospy.resolve_name(command_topic(actuator))
        for other in publishers.get(topic, ()):
            if other != me and node.answers(master, other):
                return f"{other} also commands the hand on {topic}"
    return ""


def _check_joints(bundle: Bundle) -> None:
    """Refuses a hand that does not report all joints, in one message or several."""
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
    """States of controllers by name, from the controller manager; None without its messages."""
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
    """Waits for the next message on a topic."""
    try:
        return rospy.wait_for_message(topic, kind, timeout=PATIENCE)
    except rospy.ROSException:
        raise UserError(f"no message arrived on {topic} in {PATIENCE:g} s; {advice}") from None
