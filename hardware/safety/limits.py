"""How far and how fast actuators may be commanded: the smallest of all that anybody allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from hardware.base import shadow_hand
from hardware.bundle.store import Bundle
from hardware.safety.motion import LEAST_PERIOD

CONTROL_STEP = 0.08  # s, in which a policy may ask for the other end of an actuator's range


class Limits(NamedTuple):
    """What is allowed, of the actuators in the bundle's order.

    Attributes:
        low, high: targets, `[20]` rad.
        rates: change of the targets, `[20]` rad/s.
    """

    low: np.ndarray
    high: np.ndarray
    rates: np.ndarray


class Joint(NamedTuple):
    """What a hand's own description allows of a joint: rad, rad, and rad/s."""

    low: float
    high: float
    speed: float


def of_maker() -> Limits:
    """The maker's ranges, each crossed in a control step at most."""
    pairs = [_sum(shadow_hand.RANGES, joints) for joints in shadow_hand.ACTUATORS.values()]
    low, high = np.array(pairs).T
    return Limits(low, high, (high - low) / (LEAST_PERIOD * CONTROL_STEP))


def of_bundle(bundle: Bundle) -> Limits:
    """What a bundle says of itself."""
    low, high = bundle.limits.T
    return Limits(low, high, bundle.max_rates)


def of_hand(joints: Mapping[str, Joint]) -> Limits:
    """What a hand says of itself; the joints of a coupled pair move at once.

    Args:
        joints: all of its joints, by name.
    """
    rows = [[joints[name] for name in names] for names in shadow_hand.ACTUATORS.values()]
    low, high, rates = np.array([np.sum(row, axis=0) for row in rows]).T
    return Limits(low, high, rates)


def smallest(*limits: Limits) -> Limits:
    """What all of them allow; what is no number allows nothing more, and no rate is below 0."""
    low = np.fmax.reduce([each.low for each in limits])
    high = np.fmin.reduce([each.high for each in limits])
    rates = np.fmin.reduce([each.rates for each in limits])
    return Limits(low, high, np.fmax(rates, 0.0))


def _sum(ranges: Mapping[str, tuple[float, float]], joints: tuple[str, ...]) -> tuple[float, float]:
    return sum(ranges[name][0] for name in joints), sum(ranges[name][1] for name in joints)
