"""Watches over a hand that is commanded over ROS: the master, other programs, a stop box."""

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

_PERIOD = 0.25  # s between two queries of the master
_PATIENCE = 2.0  # s within which it must answer
_SILENCE = 0.5  # s that a stop box may be silent


class Watch:
    """Queries the master periodically: only this program may drive the hand.

    Also reports a master that is gone, was restarted, or lists another node's stop service under
    this program's name, because the stop service then no longer stops the hand.

    Args:
        bundle: bundle with the hand's actuators.
    """

    def __init__(self, bundle: Bundle):
        self._bundle, self._answer, self._asked = bundle, "", monotonic()
        self._over = threading.Event()

    def start(self, service: rospy.Service) -> None:
        """Starts the queries.

        Args:
            service: the service that stops the hand.
        """
        self._service = service
        self._ask()
        threading.Thread(target=self._repeat, name="watch", daemon=True).start()

    def close(self) -> None:
        """Ends the queries."""
        self._over.set()

    def trouble(self) -> str:
        """Says what is wrong; empty if nothing is."""
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
            self._answer = f"the ROS master was restarted and does not know {STOP}"
        except Exception as error:  # of sockets, HTTP or XML: the master is gone
            self._answer = f"the ROS master does not answer ({describe(error)})"
        self._asked = monotonic()


class StopBox:
    """Listens to a stop button, which publishes std_msgs/Bool periodically.

    True stops the hand permanently; silence holds it.

    Args:
        topic: the button's topic.
    """

    def __init__(self, topic: str):
        self._topic, self._heard = topic, monotonic()

    def listen(self, stop: Callable[[str], None]) -> None:
        """Subscribes to the topic.

        Args:
            stop: called with the source of a request to stop.
        """

        def take(message: Bool) -> None:
            self._heard = monotonic()
            if message.data:
                stop(f"the stop box on {self._topic}")

        self._subscriber = rospy.Subscriber(self._topic, Bool, take, tcp_nodelay=True)

    def trouble(self) -> str:
        """Says that the box is silent; empty if it is not."""
        silent = monotonic() - self._heard
        return f"the stop box on {self._topic} has been silent" if silent > _SILENCE else ""
