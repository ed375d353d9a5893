"""What bundle.json may say: every number that a robot host reads has physical bounds.

A `Check` takes a value and its path, and raises a ValueError that names both. What only people and
the training read (`config`, `training`, `steps`, labels, units) is not looked at.
"""

from __future__ import annotations

import math
from typing import Any, Callable

from hardware.base import shadow_hand

Check = Callable[[Any, str], None]
SIZES = {  # of the parts that an observation can have
    "fingertips": 15,
    "object_position": 3,
    "relative_goal": 4,
    "joint_angles": 24,
    "joint_velocities": 24,
    "targets": 20,
    "action_average": 20,
    "relative_goal_matrix": 9,
    "facing": 9,
}
_ROUNDING = 1e-3  # rad, and share
_LEAST_PERIOD = 0.9  # of a control step, from a command to the next


def check(contract: dict[str, Any]) -> None:
    """Looks at a whole contract.

    Raises:
        ValueError: something is missing, of another kind or out of bounds; the message says what.
    """
    _CONTRACT(contract, "bundle.json")
    parts = contract["observation"]["parts"]
    if any(part["size"] != SIZES[part["name"]] for part in parts):
        raise ValueError("observation.parts: a part is of another size")
    if sum(part["size"] for part in parts) != contract["observation"]["size"]:
        raise ValueError("observation.size is not the sum of its parts")
    if [joint["name"] for joint in contract["joints"]] != list(shadow_hand.JOINTS):
        raise ValueError("joints: they are not those of a right Shadow hand, in their order")
    for actuator, (name, joints) in zip(contract["actuators"], shadow_hand.ACTUATORS.items()):
        _check_actuator(actuator, name, joints, contract["control_dt"])


def _check_actuator(
    actuator: dict[str, Any], name: str, joints: tuple[str, ...], control_dt: float
) -> None:
    if (actuator["name"], tuple(actuator["joints"])) != (name, joints):
        raise ValueError(f"actuators: {actuator['name']} stands where {name} of a right hand does")
    lowest, highest = (sum(shadow_hand.RANGES[joint][end] for joint in joints) for end in (0, 1))
    low, high = actuator["low"], actuator["high"]
    if not lowest - _ROUNDING <= low < high <= highest + _ROUNDING:
        raise ValueError(
            f"{name} goes from {low:g} to {high:g} rad, and the hand from {lowest:g} to {highest:g}"
        )
    if actuator["max_rate"] * _LEAST_PERIOD * control_dt > (high - low) * (1 + _ROUNDING):
        raise ValueError(f"{name}.max_rate is more than its range in a control step")
    if not low <= actuator["start"] <= high:
        raise ValueError(f"{name}.start is out of its range")


def number(low: float, high: float) -> Check:
    """A finite number from `low` to `high`."""

    def check(value: Any, path: str) -> None:
        plain = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not plain or not low <= value <= high:  # NaN is in no range
            raise ValueError(f"{path} is {value!r:.40}; it must be from {low:g} to {high:g}")

    return check


def whole(low: int, high: int) -> Check:
    """A whole number from `low` to `high`."""

    def check(value: Any, path: str) -> None:
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"{path} is {value!r:.40}; it must be whole, from {low} to {high}")

    return check


def text(*choices: str) -> Check:
    """One of some words; any short text where there are none."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, str) or len(value) > 200 or (choices and value not in choices):
            said = f"one of {', '.join(choices)}" if choices else "a short text"
            raise ValueError(f"{path} is {value!r:.40}; it must be {said}")

    return check


def rows(of: Check, fewest: int, most: int) -> Check:
    """A list of so many things of a kind."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, list) or not fewest <= len(value) <= most:
            count = str(fewest) if fewest == most else f"{fewest} to {most}"
            raise ValueError(f"{path} must be a list of {count}")
        for index, each in enumerate(value):
            of(each, f"{path}[{index}]")

    return check


def record(**fields: Check) -> Check:
    """An object that has these fields; others are left alone."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise ValueError(f"{path} must be an object")
        for name, of in fields.items():
            if name not in value:
                raise ValueError(f"{path} has no {name}")
            of(value[name], f"{path}.{name}")

    return check


def optional(name: str, of: Check) -> Check:
    """An object's field that may be missing."""

    def check(value: Any, path: str) -> None:
        if name in value:
            of(value[name], f"{path}.{name}")

    return check


def both(first: Check, second: Check) -> Check:
    """What passes two checks."""

    def check(value: Any, path: str) -> None:
        first(value, path)
        second(value, path)

    return check


def _unit(value: Any, path: str) -> None:
    rows(number(-1.001, 1.001), 4, 4)(value, path)
    if abs(math.sqrt(sum(part * part for part in value)) - 1) > _ROUNDING:
        raise ValueError(f"{path} is no unit quaternion")


def _vector(reach: float) -> Check:
    return rows(number(-reach, reach), 3, 3)


def _interval(value: Any, path: str) -> None:
    rows(number(-1.0, 1.0), 2, 2)(value, path)
    if value[0] >= value[1]:
        raise ValueError(f"{path} is empty")


def _digits(of: Check) -> Check:
    """Steps of the kinematic table, of five digits each."""
    return rows(rows(of, 5, 5), 1, 16)


_CAMERA = record(
    name=text(), position=_vector(10.0), quaternion=_unit, field_of_view=number(1.0, 170.0)
)
_POINTS = rows(_vector(0.5), 4, 64)
_GEOMETRY = record(
    object_points=_POINTS,
    forearm_points=_POINTS,
    camera_deviations=rows(number(0.0, 10.0), 3, 3),
    place_floor=number(1e-6, 1.0),
    cauchy=number(0.1, 100.0),
    optimism=number(0.1, 100.0),
)
_CONTRACT = both(
    record(
        object=text(),
        control_dt=number(0.02, 0.5),
        observation=record(
            size=whole(1, 1000),
            parts=rows(record(name=text(*SIZES), size=whole(1, 1000)), 1, len(SIZES)),
        ),
        memory=record(inputs=rows(text("hidden", "cell"), 0, 2), size=whole(0, 8192)),
        action=record(
            mode=text("relative", "absolute"),
            bins=whole(3, 101),
            smoothed=text("action", "target"),
            smoothing_kept=number(0.0, 0.999),
        ),
        joints=rows(record(name=text(), low=number(-7.0, 7.0), high=number(-7.0, 7.0)), 24, 24),
        actuators=rows(
            record(
                name=text(),
                joints=rows(text(), 1, 2),
                low=number(-7.0, 7.0),
                high=number(-7.0, 7.0),
                max_rate=number(1e-3, 1e3),
                start=number(-7.0, 7.0),
                backlash=rows(number(0.0, 1e6), 2, 2),
            ),
            20,
            20,
        ),
        frames=record(
            forearm_in_world=record(position=_vector(10.0), quaternion=_unit),
            palm_in_world=_vector(10.0),
        ),
        kinematics=record(
            position=_digits(_vector(1.0)),
            quaternion=_digits(_unit),
            axis=_digits(_vector(1.001)),
            joint=_digits(whole(0, 23)),
            tip=rows(_vector(1.0), 5, 5),
        ),
        task=record(
            goal_threshold=number(0.01, 3.2),
            goal_timeout_s=number(0.1, 86400.0),
            max_goals=whole(1, 10**6),
            drop_box=rows(_interval, 3, 3),
            nearest_goal=number(0.0, 3.2),
            last_goal_distance=number(0.0, 3.2),
        ),
    ),
    optional(
        "vision",
        record(image_size=whole(8, 1024), cameras=rows(_CAMERA, 3, 3), geometry=_GEOMETRY),
    ),
)
