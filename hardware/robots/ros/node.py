"""Registers this program with the ROS master."""

from __future__ import annotations

import socket
from urllib.parse import urlparse

import rosgraph
import rospy

from hardware.base.errors import UserError

PATIENCE = 5.0  # s to wait for anything before refusing to start


def start(name: str, *, simulated_clock: bool | None = None) -> None:
    """Registers a node, unless one of the same name runs.

    If two register at once, the master shuts the first one down, so there is never more than one.

    Args:
        name: name of the node.
        simulated_clock: whether all nodes follow /clock; None leaves the setting unchanged.

    Raises:
        UserError: there is no master, a node of this name runs, or a launch file gives another
            name.
    """
    if not rosgraph.is_master_online():
        raise UserError(
            f"there is no ROS master at {rosgraph.get_master_uri()}; start it or set ROS_MASTER_URI"
        )
    master = rosgraph.Master(f"/{name}")
    if answers(master, f"/{name}"):
        raise UserError(f"another program runs as /{name}; end it first")
    if simulated_clock is not None:
        master.setParam("/use_sim_time", simulated_clock)
    rospy.init_node(name, disable_signals=True)
    if rospy.get_name() != f"/{name}":  # by which two programs would know each other
        raise UserError(
            f'this node must be called /{name}, not {rospy.get_name()}; write name="{name}" in the '
            "launch file, outside all namespaces"
        )


def answers(master: rosgraph.Master, node: str) -> bool:
    """Whether a node still runs; the master also lists nodes that were killed."""
    try:
        address = urlparse(master.lookupNode(node))
        socket.create_connection((address.hostname, address.port), PATIENCE).close()
    except (OSError, rosgraph.MasterException):
        return False
    return True
