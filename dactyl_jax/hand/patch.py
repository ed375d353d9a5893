"""Model patches: values fitted to a particular hand that override the shipped model's.

A JSON file holds what `hardware.calibrate` found, in full or in part:

    {"format": "dactyl_jax model patch", "version": 1,
     "joints": {"rh_FFJ3": {"damping": 0.06, "frictionloss": 0.012, "low": -0.25, "high": 1.53}},
     "actuators": {"rh_A_FFJ3": {"gain": 1.1, "backlash_down": 20.0, "backlash_up": 35.0}}}

Damping is in N m s/rad, friction loss in N m, limits in rad, gain in N m/rad. Backlash, in
1/(rad s), gives the rates at which an actuator takes up its backlash (`randomization.actuation`). A
joint's `offset`, rad, is its sensor reading minus its true angle; a simulated hand applies it,
training does not.
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
_BACKLASH = "backlash_rates"  # custom numeric field of the model: down and up of each actuator
_BACKLASH_FIELDS = ("backlash_down", "backlash_up")
_FIELDS = {
    "joints": ("damping", "frictionloss", "low", "high", "offset"),
    "actuators": ("gain", *_BACKLASH_FIELDS),
}
_ANGLES = ("low", "high", "offset")  # of any sign
_LOSSES = ("damping", "frictionloss")  # 0 or more; all others are positive

Numbers = Mapping[str, Mapping[str, float]]


@dataclasses.dataclass(frozen=True)
class Patch:
    """Values by part, then by field; anything absent keeps the model's value."""

    joints: Numbers = dataclasses.field(default_factory=dict)
    actuators: Numbers = dataclasses.field(default_factory=dict)


def load(path: str) -> Patch:
    """Reads a patch.

    Raises:
        ValueError: the file is not a patch, or a value is not allowed; the message names it.
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
        raise UserError(f"{path!r} is not a model patch of version {VERSION}; calibrate again")
    where = f"the model patch {path!r}: "
    for group, fields in _FIELDS.items():
        parts = content.get(group, {})
        _refuse_unless(isinstance(parts, dict), f"{where}{group} is {parts!r}, not an object")
        for name, numbers in parts.items():
            _refuse_unless(
                isinstance(numbers, dict), f"{where}{name} is {numbers!r}, not an object"
            )
            for field, value in numbers.items():
                _check(field, value, fields, f"{where}{name}.{field}")
            ordered = numbers.get("low", -math.inf) < numbers.get("high", math.inf)
            _refuse_unless(ordered, f"{where}{name}.low is not below its high")
    return Patch(content.get("joints", {}), content.get("actuators", {}))


def _check(field: str, value: Any, fields: Sequence[str], where: str) -> None:
    """Rejects an unknown field or a value that is not allowed."""
    _refuse_unless(field in fields, f"{where} is unknown; the fields are {', '.join(fields)}")
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
    """Overrides values of a model before compilation; adds its `backlash_rates`.

    Target ranges stay unchanged: a joint that stops early is still commanded over the range of the
    hand's software.

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
    """Backlash rates of a model's actuators, down and up, `[nu, 2]` 1/(rad s); 0 if not patched."""
    if _BACKLASH not in [model.numeric(i).name for i in range(model.nnumeric)]:
        return np.zeros((model.nu, 2))
    return model.numeric(_BACKLASH).data.reshape(model.nu, 2).copy()
