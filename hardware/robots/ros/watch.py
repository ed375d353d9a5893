"""What can go wrong around a hand while it is commanded over ROS, and how else it is stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

import rosgraph
import rospy
from std_msgs.msg import Bool

from hardware.base.errors import describe
from hardware.bundle.store import Bundle
from hardware.robots.ros.preflight import rival_of
from hardware.robots.ros.topics import STOP

_PERIOD = 0.25  # s between two questions to the master
_PATIENCE = 2.0  # s until it must have answered
_SILENCE = 0.5  # s that a stop box may be silent


class Watch:
    """Asks the master, again and again, whether this program alone drives the hand.

    Where a master is gone, was started anew, or knows another node's stop service by our name, that
    service does not stop the hand any more.

    Args:
        bundle: whose actuators are commanded.
    """

    def __init__(self, bundle: Bundle):
        self._bundle, self._answer, self._asked = bundle, "", monotonic()
        self._over = threading.Event()

    def start(self, service: rospy.Service) -> None:
        """Begins to ask.

        Args:
            service: that stops the hand.
        """
        self._service = service
        self._ask()
        threading.Thread(target=self._repeat, name="watch", daemon=True).start()

    def close(self) -> None:
        """Asks no more."""
        self._over.set()

    def trouble(self) -> str:
        """What is wrong, in words; empty if nothing is."""
        silent = monotonic() - self._asked
        if silent > _PATIENCE:
            return f"the ROS master has not answered for {silent:.1f} s"
        return self._answer

    def _repeat(self) -> None:
        while not self._over.wait(_PERIOD):
            self._ask()

    def _ask(self) -> None:
        master = rosgraph.Master(rospy.get_name())
        try:
            if master.lookupService(self._service.resolved_name) != self._service.uri:
                self._answer = f"another program offers {STOP}"
            else:
                self._answer = rival_of(rospy.get_name(), self._bundle, master)
        except rosgraph.MasterError:
            self._answer = f"the ROS master was started anew and does not know {STOP}"
        except Exception as error:  # of sockets, HTTP and XML: there is no master to be asked
            self._answer = f"the ROS master does not answer ({describe(error)})"
        self._asked = monotonic()


class StopBox:
    """A topic on which a stop button says, again and again, whether to stop: std_msgs/Bool.

    True stops for good; while it is silent the hand is held.

    Args:
        topic: its name.
    """

    def __init__(self, topic: str):
        self._topic, self._heard = topic, monotonic()

    def listen(self, stop: Callable[[str], None]) -> None:
        """Tells whoever takes a request to stop."""

        def take(message: Bool) -> None:
            self._heard = monotonic()
            if message.data:
                stop(f"the stop box on {self._topic}")

        self._subscriber = rospy.Subscriber(self._topic, Bool, take, tcp_nodelay=True)

    def trouble(self) -> str:
        """That the box is silent, in words; empty if it is not."""
        silent = monotonic() - self._heard
        return f"the stop box on {self._topic} has been silent" if silent > _SILENCE else ""
