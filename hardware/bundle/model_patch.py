"""Model patches: numbers fitted to a hand, which replace those of its model.

`hardware.calibrate` writes them. dactyl_jax/hand/patch.py, where training reads them, describes the
file. The simulated hand also applies the backlash and the sensors' offsets; training turns the
backlash into a randomisation term and ignores the offsets.
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hardware.base.errors import UserError

FORMAT, VERSION = "dactyl_jax model patch", 1
_ANY, _POSITIVE = -sys.float_info.max, sys.float_info.min
_LEAST = {  # lowest allowed value of each number
    "joints": {"damping": 0.0, "frictionloss": 0.0, "low": _ANY, "high": _ANY, "offset": _ANY},
    "actuators": {"gain": _POSITIVE, "backlash_down": _POSITIVE, "backlash_up": _POSITIVE},
}


@dataclasses.dataclass(frozen=True)
class Patch:
    """Numbers by name of the joint or actuator, then by their own; missing ones stay unchanged."""

    joints: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    actuators: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)

    def offsets(self, joints: list[str]) -> np.ndarray:
        """Offset of each joint's sensor, reading minus angle, `[n]` rad."""
        return np.array([self.joints.get(name, {}).get("offset", 0.0) for name in joints])

    def backlash(self, actuators: list[str]) -> np.ndarray:
        """Backlash rates down and up, `[n, 2]` 1/(rad s); 0 without backlash."""
        rows = [self.actuators.get(name, {}) for name in actuators]
        return np.array([[r.get("backlash_down", 0.0), r.get("backlash_up", 0.0)] for r in rows])


def load(path: str) -> Patch:
    """Reads a model patch.

    Raises:
        UserError: the file is not a model patch, or a number is impossible; the message names it.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        if (content["format"], content["version"]) != (FORMAT, VERSION):
            raise ValueError(f"it must be {FORMAT!r}, version {VERSION}")
        patch = Patch(content.get("joints", {}), content.get("actuators", {}))
        for group, least in _LEAST.items():
            for name, numbers in getattr(patch, group).items():
                for field, value in numbers.items():
                    if field not in least:
                        raise ValueError(f"{name}.{field} is unknown; use {', '.join(least)}")
                    if not least[field] <= value < math.inf:
                        raise ValueError(f"{name}.{field} cannot be {value!r}")
                if numbers.get("low", -math.inf) >= numbers.get("high", math.inf):
                    raise ValueError(f"{name}.low is not below its high")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path!r} is not a model patch ({type(error).__name__}: {error}); calibrate again"
        ) from None
    return patch


def pack(patch: Patch, about: Mapping[str, Any]) -> str:
    """The text of a model patch's file.

    Args:
        patch: the numbers.
        about: notes for readers; programs ignore them.
    """
    content = {"format": FORMAT, "version": VERSION, **dataclasses.asdict(patch), "about": about}
    return json.dumps(content, indent=1, allow_nan=False) + "\n"
