"""How a program joins a ROS master."""

from __future__ import annotations

import rosgraph
import rospy

from hardware.base.errors import UserError


def start(name: str, *, anonymous: bool = False, simulated_clock: bool | None = None) -> None:
    """Joins the master.

    Args:
        name: of the node.
        anonymous: whether there may be several of that name.
        simulated_clock: whether all nodes are to follow /clock; None leaves that as it is.

    Raises:
        UserError: there is no master.
    """
    if not rosgraph.is_master_online():
        raise UserError(
            f"there is no ROS master at {rosgraph.get_master_uri()}; start it or set ROS_MASTER_URI"
        )
    if simulated_clock is not None:
        rosgraph.Master(f"/{name}").setParam("/use_sim_time", simulated_clock)
    rospy.init_node(name, anonymous=anonymous, disable_signals=True)
