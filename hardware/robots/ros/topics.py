"""Names of the hand's ROS 1 topics and services.

::

    /joint_states                               sensor_msgs/JointState at 125 Hz, from the hand
    /sh_rh_<joint>_position_controller/command  std_msgs/Float64 [rad], to one actuator
    /object_pose                                geometry_msgs/PoseStamped, from the motion tracker
    /fingertips                                 geometry_msgs/PoseArray: FF, MF, RF, LF, TH; tracker
    /cameras/<name>                             sensor_msgs/Image, from a camera
    /dactyl_jax/stop                            std_srvs/Trigger: holds the hand permanently

Shadow Robot's driver for its Dexterous Hand defines the first two.
"""

from __future__ import annotations

JOINT_STATES = "/joint_states"
TRAJECTORY_CONTROLLERS = ("rh_trajectory_controller", "rh_wr_trajectory_controller")
LIST_CONTROLLERS = "/controller_manager/list_controllers"
OBJECT_POSE = "/object_pose"
FINGERTIPS = "/fingertips"
CAMERAS = "/cameras"  # prefix of the simulated cameras' topics
DESCRIPTION = "/robot_description"
NODE = "dactyl_jax"  # of the program that drives the hand; a master has one node of each name
STOP = f"/{NODE}/stop"


def command_topic(actuator: str) -> str:
    """The command topic of an actuator, such as `rh_A_FFJ0`."""
    joint = actuator[len("rh_A_") :].lower()
    return f"/sh_rh_{joint}_position_controller/command"
