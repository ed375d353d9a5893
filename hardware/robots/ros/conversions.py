"""Converts messages from ROS and to ROS.

Poses from ROS stay in the frame that the message names. Poses to ROS are converted from the
policy's frame to that of the maker's URDF.
"""

from __future__ import annotations

import numpy as np
import rospy
from geometry_msgs.msg import Pose as PoseMessage
from geometry_msgs.msg import PoseArray, PoseStamped
from sensor_msgs.msg import Image as ImageMessage
from sensor_msgs.msg import JointState as JointStateMessage

from hardware.base import rotations
from hardware.base.frames import FOREARM_FRAME, FOREARM_TURN
from hardware.base.messages import Fingertips, Image, JointState, Pose

_TO_FOREARM = rotations.conjugate(FOREARM_TURN)


def joint_state(message: JointStateMessage) -> JointState:
    """Converts a reading of the hand's sensors from ROS."""
    return JointState(
        message.header.stamp.to_sec(),
        tuple(message.name),
        np.array(message.position),
        np.array(message.velocity),
    )


def pose(message: PoseStamped) -> Pose:
    """Converts the object's pose from ROS."""
    at, turn = message.pose.position, message.pose.orientation
    return Pose(
        message.header.stamp.to_sec(),
        message.header.frame_id,
        np.array([at.x, at.y, at.z]),
        np.array([turn.w, turn.x, turn.y, turn.z]),
    )


def fingertips(message: PoseArray) -> Fingertips:
    """Converts the positions of the fingertips' markers from ROS."""
    places = [each.position for each in message.poses]
    return Fingertips(
        message.header.stamp.to_sec(),
        message.header.frame_id,
        np.array([[at.x, at.y, at.z] for at in places]).reshape(-1, 3),
    )


def image(message: ImageMessage, camera: str) -> Image:
    """Converts a picture of the camera of this name from ROS."""
    return Image(
        message.header.stamp.to_sec(),
        camera,
        message.encoding,
        message.height,
        message.width,
        message.step,
        message.data,
    )


def joint_state_message(joints: JointState, offset: float) -> JointStateMessage:
    """The inverse of `joint_state`.

    Args:
        joints: a reading.
        offset: time to add to its stamp, s.
    """
    message = JointStateMessage(name=list(joints.names), position=list(joints.position))
    message.velocity, message.effort = list(joints.velocity), [0.0] * len(joints.names)
    message.header.stamp = rospy.Time.from_sec(joints.stamp + offset)
    return message


def pose_message(pose: Pose, offset: float) -> PoseStamped:
    """The inverse of `pose`; arguments as in `joint_state_message`."""
    message = PoseStamped()
    message.header.stamp = rospy.Time.from_sec(pose.stamp + offset)
    message.header.frame_id = FOREARM_FRAME
    at, turn = message.pose.position, message.pose.orientation
    at.x, at.y, at.z = rotations.rotate(_TO_FOREARM, pose.position)
    turn.w, turn.x, turn.y, turn.z = rotations.multiply(_TO_FOREARM, pose.orientation)
    return message


def fingertips_message(tips: Fingertips, offset: float) -> PoseArray:
    """The inverse of `fingertips`; arguments as in `joint_state_message`."""
    message = PoseArray()
    message.header.stamp = rospy.Time.from_sec(tips.stamp + offset)
    message.header.frame_id = FOREARM_FRAME
    for place in rotations.rotate(_TO_FOREARM, tips.positions):
        pose = PoseMessage()
        pose.position.x, pose.position.y, pose.position.z = place
        pose.orientation.w = 1.0
        message.poses.append(pose)
    return message


def image_message(image: Image) -> ImageMessage:
    """The inverse of `image`."""
    message = ImageMessage(encoding=image.encoding, data=image.data)
    message.height, message.width, message.step = image.height, image.width, image.step
    message.header.stamp = rospy.Time.from_sec(image.stamp)
    message.header.frame_id = image.camera
    return message
