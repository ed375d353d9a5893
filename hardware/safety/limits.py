"""Limits of position and rate: the smallest of bundle, maker's table and URDF."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from hardware.base import shadow_hand
from hardware.bundle.store import Bundle
from hardware.safety.motion import LEAST_PERIOD

CONTROL_STEP = 0.08  # s; a policy may cross an actuator's range in one


class Limits(NamedTuple):
    """Limits of the actuators, in the bundle's order.

    Attributes:
        low, high: limits of the targets, `[20]` rad.
        rates: largest rates of change of the targets, `[20]` rad/s.
    """

    low: np.ndarray
    high: np.ndarray
    rates: np.ndarray


class Joint(NamedTuple):
    """Limits of a joint in the hand's URDF: rad, rad and rad/s."""

    low: float
    high: float
    speed: float


def of_maker() -> Limits:
    """The maker's ranges, with rates that cross each range in one control step."""
    pairs = [_sum(shadow_hand.RANGES, joints) for joints in shadow_hand.ACTUATORS.values()]
    low, high = np.array(pairs).T
    return Limits(low, high, (high - low) / (LEAST_PERIOD * CONTROL_STEP))


def of_bundle(bundle: Bundle) -> Limits:
    """The limits in a bundle."""
    low, high = bundle.limits.T
    return Limits(low, high, bundle.max_rates)


def of_hand(joints: Mapping[str, Joint]) -> Limits:
    """The limits in a hand's URDF; coupled joints move together.

    Args:
        joints: limits of all its joints, by name.
    """
    rows = [[joints[name] for name in names] for names in shadow_hand.ACTUATORS.values()]
    low, high, rates = np.array([np.sum(row, axis=0) for row in rows]).T
    return Limits(low, high, rates)


def smallest(*limits: Limits) -> Limits:
    """The intersection of limits. NaN adds nothing to it; no rate is below 0."""
    low = np.fmax.reduce([each.low for each in limits])
    high = np.fmin.reduce([each.high for each in limits])
    rates = np.fmin.reduce([each.rates for each in limits])
    return Limits(low, high, np.fmax(rates, 0.0))


def _sum(ranges: Mapping[str, tuple[float, float]], joints: tuple[str, ...]) -> tuple[float, float]:
    return sum(ranges[name][0] for name in joints), sum(ranges[name][1] for name in joints)
