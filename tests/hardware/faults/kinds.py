"""Kinds of fault by name; each session draws its own fault of a kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from hardware.base import rotations

HARMLESS = float("inf")
TRACKER = 0.3 + 0.02 + 0.08  # s: a pose's maximum age, the watchdog's period, a control step


class Kind(NamedTuple):
    """A kind of fault.

    Attributes:
        begin: starts a fault on a hand, drawn with a random number generator.
        within: longest time until the last motion, s; `HARMLESS` if the hand must not be held, None
            if the only promise is that commands stay within limits.
        of_policy: whether it holds the hand only while the policy acts.
    """

    begin: Callable
    within: float | None
    of_policy: bool = False


def _joints(change):
    """A fault of joint states; `change` maps a message, a generator and one of fixed draws."""

    def begin(hand, rng):
        draw = rng.integers(2**31)

        def spoil(joints, pose):
            changed = change(joints, rng, np.random.default_rng(draw))
            return changed if isinstance(changed, list) else [changed], [pose]

        hand.spoil = spoil

    return begin


def _poses(change):
    """A fault of the object's poses; `change` as in `_joints`."""

    def begin(hand, rng):
        draw = rng.integers(2**31)

        def spoil(joints, pose):
            changed = change(pose, rng, np.random.default_rng(draw))
            return [joints], changed if isinstance(changed, list) else [changed]

        hand.spoil = spoil

    return begin


def _one(joints, value, draw, field="position"):
    values = getattr(joints, field).copy()
    values[draw.integers(24)] = value
    return joints._replace(**{field: values})


def _moved(joints, by):
    return joints._replace(position=joints.position + by)


def _frozen(hand, rng):
    still = hand.angles.copy()
    hand.spoil = lambda joints, pose: ([joints._replace(position=still)], [pose])


def _silent_tracker_then_back(hand, rng):
    until = hand.now() + 0.15
    hand.spoil = lambda joints, pose: ([joints], [pose] if hand.now() > until else [])


def _partial(joints, rng, draw):
    half = slice(0, 12), slice(12, 24)
    return [
        joints._replace(
            names=joints.names[part],
            position=joints.position[part],
            velocity=joints.velocity[part],
        )
        for part in half
    ]


def _other_hand(joints, rng, draw):
    return [joints, joints._replace(names=tuple("lh" + name[2:] for name in joints.names))]


def _turned(pose, angle):
    turn = rotations.from_axis_angle(np.array([0.0, 0.0, 1.0]), np.array(angle))
    return pose._replace(orientation=rotations.multiply(turn, pose.orientation))


def _complain(hand, rng):
    hand.complaint = "a cable is loose"


def _stop(hand, rng):
    hand.ask_to_stop("a test")


def _jam(hand, rng):
    joint, follow = rng.integers(24), hand.follow

    def stuck():
        angle = hand.angles[joint]
        follow()
        hand.angles[joint] = angle

    hand.follow = stuck


def _clock_leaps(hand, rng):
    hand._time += 1.0


def _controller(behave):
    def begin(hand, rng):
        hand.behave = behave

    return begin


def _hang(hand, logits):
    hand.wait_until(hand.now() + 0.5)
    return np.full(20, 5)


def _raise(hand, logits):
    raise RuntimeError("bad allocation")


JOINTS = {
    "joints silent": (lambda j, rng, draw: [], 0.2),
    "a NaN angle": (lambda j, rng, draw: _one(j, np.nan, draw), 0.2),
    "an infinite velocity": (lambda j, rng, draw: _one(j, np.inf, draw, "velocity"), 0.2),
    "an angle of 1e300": (lambda j, rng, draw: _one(j, 1e300, draw), 0.2),
    "in degrees": (lambda j, rng, draw: j._replace(position=np.degrees(j.position)), 0.2),
    "all zero": (lambda j, rng, draw: j._replace(position=np.zeros(24)), 0.2),
    "permuted": (lambda j, rng, draw: j._replace(position=draw.permutation(j.position)), 0.2),
    "signs turned": (lambda j, rng, draw: j._replace(position=-j.position), 0.2),
    "one joint off": (lambda j, rng, draw: _moved(j, 0.7 * np.eye(24)[draw.integers(24)]), 0.2),
    "very noisy": (lambda j, rng, draw: _moved(j, rng.normal(0, 0.3, 24)), 0.2),
    "noisy": (lambda j, rng, draw: _moved(j, rng.normal(0, 0.01, 24)), HARMLESS),
    "sent twice": (lambda j, rng, draw: [j, j], 0.2),
    "out of order": (lambda j, rng, draw: [j, j._replace(stamp=j.stamp - 0.004)], 0.2),
    "from the future": (lambda j, rng, draw: j._replace(stamp=j.stamp + 1), 0.2),
    "old": (lambda j, rng, draw: j._replace(stamp=j.stamp - 0.5), 0.2),
    "a stamp of NaN": (lambda j, rng, draw: j._replace(stamp=np.nan), 0.2),
    "late by 40 ms": (lambda j, rng, draw: j._replace(stamp=j.stamp - 0.04), None),
    "fewer numbers": (lambda j, rng, draw: j._replace(position=j.position[1:]), 0.2),
    "no velocities": (lambda j, rng, draw: j._replace(velocity=np.zeros(0)), 0.2),
    "a joint missing": (
        lambda j, rng, draw: j._replace(
            names=j.names[1:], position=j.position[1:], velocity=j.velocity[1:]
        ),
        0.2,
    ),
    "in two messages": (_partial, HARMLESS),
    "another hand's too": (_other_hand, HARMLESS),
    "another hand's alone": (lambda j, rng, draw: _other_hand(j, rng, draw)[1:], 0.2),
}
POSES = {
    "pose silent": (lambda p, rng, draw: [], TRACKER),
    "pose NaN": (lambda p, rng, draw: p._replace(position=p.position * np.nan), TRACKER),
    "pose infinite": (lambda p, rng, draw: p._replace(position=p.position + np.inf), TRACKER),
    "no rotation": (lambda p, rng, draw: p._replace(orientation=np.zeros(4)), TRACKER),
    "rotation NaN": (lambda p, rng, draw: p._replace(orientation=np.full(4, np.nan)), TRACKER),
    "pose of the future": (lambda p, rng, draw: p._replace(stamp=p.stamp + 5), TRACKER),
    "pose repeated": (lambda p, rng, draw: p._replace(stamp=1.0), TRACKER),
    "another frame": (lambda p, rng, draw: p._replace(frame="camera"), TRACKER),
    "in millimetres": (lambda p, rng, draw: p._replace(position=p.position * 1000), TRACKER),
    "leaps by 1.5 m": (lambda p, rng, draw: p._replace(position=p.position + 1.5), TRACKER),
    "turned about": (lambda p, rng, draw: _turned(p, rng.choice([0.0, np.pi])), None),
    "pose noisy": (
        lambda p, rng, draw: p._replace(position=p.position + rng.normal(0, 0.002, 3)),
        HARMLESS,
    ),
    "flickers": (lambda p, rng, draw: [p] if rng.uniform() < 0.3 else [], HARMLESS),
}
KINDS = {
    "nothing": Kind(lambda hand, rng: None, HARMLESS),
    **{name: Kind(_joints(change), within) for name, (change, within) in JOINTS.items()},
    **{name: Kind(_poses(change), within, True) for name, (change, within) in POSES.items()},
    "frozen, with fresh stamps": Kind(_frozen, 0.2),
    "pose silent for 150 ms": Kind(_silent_tracker_then_back, HARMLESS),
    "a joint jams": Kind(_jam, None),
    "the clock leaps": Kind(_clock_leaps, None),
    "trouble": Kind(_complain, 0.1),
    "stop": Kind(_stop, 0.1),
    "targets of NaN": Kind(_controller("nan"), 0.1, True),
    "targets far away": Kind(_controller("far"), HARMLESS),
    "the policy hangs": Kind(_controller(_hang), 0.3, True),
    "the policy raises": Kind(_controller(_raise), 0.1, True),
}
