"""Puts the object of a simulated hand back after a drop, as a person would."""

from __future__ import annotations

from hardware.bundle.store import Bundle
from hardware.simulation.hand import SimulatedHand
from hardware.trials.palm import Palm

_BACK_AFTER = 1.0  # s on the floor before the object is put back


class Assistant:
    """Puts the object back into the palm some time after a drop, once the hand is at rest.

    Args:
        simulated: the hand.
        bundle: bundle with the palm's position.
    """

    def __init__(self, simulated: SimulatedHand, bundle: Bundle):
        self._hand, self._palm = simulated, Palm(bundle)
        self._seen = 0.0

    def look(self) -> None:
        """Checks the object, and puts it back if it is time; call it often."""
        if self._palm.holds(self._hand.object_pose()[0]):
            self._seen = self._hand.time
        elif self._hand.time - self._seen > _BACK_AFTER and self._hand.at_rest():
            self._hand.put_object_back()
            self._seen = self._hand.time
