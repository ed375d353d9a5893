"""A hand of one's own: numbers fitted to it that replace those of the shipped model.

A JSON file holds what `hardware.calibrate` found, any part of it:

    {"format": "dactyl_jax model patch", "version": 1,
     "joints": {"rh_FFJ3": {"damping": 0.06, "frictionloss": 0.012, "low": -0.25, "high": 1.53}},
     "actuators": {"rh_A_FFJ3": {"gain": 1.1, "backlash_down": 20.0, "backlash_up": 35.0}}}

Damping in N m s/rad, friction loss in N m, limits in rad, gain in N m/rad; backlash in 1/(rad s),
the rates at which an actuator takes up its play (`randomization.actuation`). A joint's `offset`,
rad, is what its sensor reads beyond its angle: a simulated hand has it too, training does not.
"""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from dactyl_jax.errors import UserError

FORMAT, VERSION = "dactyl_jax model patch", 1
_BACKLASH = "backlash_rates"  # the model's numbers of that name: down and up of each actuator
_BACKLASH_FIELDS = ("backlash_down", "backlash_up")
_FIELDS = {
    "joints": ("damping", "frictionloss", "low", "high", "offset"),
    "actuators": ("gain", *_BACKLASH_FIELDS),
}
_ANGLES = ("low", "high", "offset")  # of any sign
_LOSSES = ("damping", "frictionloss")  # 0 or more; all else is positive

Numbers = Mapping[str, Mapping[str, float]]


@dataclasses.dataclass(frozen=True)
class Patch:
    """Numbers by the part's name, then by their own; what is not there stays as it is."""

    joints: Numbers = dataclasses.field(default_factory=dict)
    actuators: Numbers = dataclasses.field(default_factory=dict)


def load(path: str) -> Patch:
    """Reads a patch.

    Raises:
        ValueError: it is none, or one of its numbers cannot be; the message names it.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"the model patch {path!r} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UserError(f"the model patch {path!r} is not JSON ({error})") from None
    if not isinstance(content, dict) or (content.get("format"), content.get("version")) != (
        FORMAT,
        VERSION,
    ):
        raise UserError(f"{path!r} is no model patch of version {VERSION}: calibrate anew")
    where = f"the model patch {path!r}: "
    for group, fields in _FIELDS.items():
        parts = content.get(group, {})
        _refuse_unless(isinstance(parts, dict), f"{where}{group} is {parts!r}, no object")
        for name, numbers in parts.items():
            _refuse_unless(isinstance(numbers, dict), f"{where}{name} is {numbers!r}, no object")
            for field, value in numbers.items():
                _check(field, value, fields, f"{where}{name}.{field}")
            ordered = numbers.get("low", -math.inf) < numbers.get("high", math.inf)
            _refuse_unless(ordered, f"{where}{name}.low is not below its high")
    return Patch(content.get("joints", {}), content.get("actuators", {}))


def _check(field: str, value: Any, fields: Sequence[str], where: str) -> None:
    """Refuses a number that is unknown or cannot be."""
    _refuse_unless(field in fields, f"{where} is unknown; there are {', '.join(fields)}")
    if field in _ANGLES:
        least, kind = -math.inf, "a finite number"
    else:
        least, kind = (0, "0 or more") if field in _LOSSES else (math.ulp(0), "greater than 0")
    sound = isinstance(value, int | float) and math.isfinite(value) and value >= least
    _refuse_unless(sound, f"{where} is {value!r}; it must be {kind}")


def _refuse_unless(sound: bool, message: str) -> None:
    if not sound:
        raise UserError(message)


def apply_to_spec(patch: Patch, spec: mujoco.MjSpec) -> None:
    """Replaces numbers of a model before it is compiled; it will know its `backlash_rates`.

    What controllers may ask for stays: a joint that stops early is still commanded over the range
    that the hand's software has.

    Raises:
        ValueError: the hand has no such joint or actuator.
    """
    known = {"joints": spec.joints, "actuators": spec.actuators}
    for group, parts in known.items():
        unknown = set(getattr(patch, group)) - {part.name for part in parts}
        if unknown:
            raise UserError(f"the model patch: the hand has no {min(unknown)!r} in its {group}")
    for actuator in spec.actuators:
        if actuator.inheritrange:
            actuator.ctrlrange = spec.joint(actuator.target).range
            actuator.inheritrange = 0
    for name, numbers in patch.joints.items():
        joint = spec.joint(name)
        if "damping" in numbers:
            joint.damping[0] = numbers["damping"]
        if "frictionloss" in numbers:
            joint.frictionloss = numbers["frictionloss"]
        joint.range[0] = numbers.get("low", joint.range[0])
        joint.range[1] = numbers.get("high", joint.range[1])
    for name, numbers in patch.actuators.items():
        actuator = spec.actuator(name)
        if "gain" in numbers:
            actuator.gainprm[0] = numbers["gain"]
            actuator.biasprm[1] = -numbers["gain"]
    rates = [
        [patch.actuators.get(actuator.name, {}).get(field, 0.0) for field in _BACKLASH_FIELDS]
        for actuator in spec.actuators
    ]
    spec.add_numeric(name=_BACKLASH, data=np.ravel(rates), size=np.size(rates))


def backlash_rates(model: mujoco.MjModel) -> np.ndarray:
    """Rates down and up of a model's actuators, `[nu, 2]` 1/(rad s), 0 where no patch gave any."""
    if _BACKLASH not in [model.numeric(i).name for i in range(model.nnumeric)]:
        return np.zeros((model.nu, 2))
    return model.numeric(_BACKLASH).data.reshape(model.nu, 2).copy()
