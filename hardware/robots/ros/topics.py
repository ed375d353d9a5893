"""What a hand says and hears over ROS 1, by name.

::

    /joint_states                               sensor_msgs/JointState at 125 Hz, from the hand
    /sh_rh_<joint>_position_controller/command  std_msgs/Float64 [rad], to the hand, for an actuator
    /object_pose                                geometry_msgs/PoseStamped, from the motion tracker
    /fingertips                                 geometry_msgs/PoseArray: FF, MF, RF, LF, TH, from it
    /cameras/<name>                             sensor_msgs/Image, from cameras in its place
    /dactyl_jax/stop                            std_srvs/Trigger: holds the hand for good

The first two are those of Shadow Robot's driver for its Dexterous Hand.
"""

from __future__ import annotations

JOINT_STATES = "/joint_states"
TRAJECTORY_CONTROLLERS = ("rh_trajectory_controller", "rh_wr_trajectory_controller")
LIST_CONTROLLERS = "/controller_manager/list_controllers"
OBJECT_POSE = "/object_pose"
FINGERTIPS = "/fingertips"
CAMERAS = "/cameras"  # below it the simulated ones, by name
DESCRIPTION = "/robot_description"
NODE = "dactyl_jax"  # of whoever drives the hand; a master knows one node of a name at most
STOP = f"/{NODE}/stop"


def command_topic(actuator: str) -> str:
    """The topic of an actuator's position controller, such as that of `rh_A_FFJ0`."""
    joint = actuator[len("rh_A_") :].lower()
    return f"/sh_rh_{joint}_position_controller/command"
