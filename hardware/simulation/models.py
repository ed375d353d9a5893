"""MuJoCo models in a bundle: an XML for people, and beside it what the XML leaves out.

MuJoCo writes six digits of a number, and no picture that a model holds. A simulation that repeats
the training's bit by bit needs all digits; and the surrogate world is the training's hand with
other numbers. So a model here is an XML with the fields in which it differs from what the XML says.
"""

from __future__ import annotations

from collections.abc import Mapping

import mujoco
import numpy as np

from hardware.base.errors import UserError
from hardware.bundle.model_patch import Patch

_OPTION = "opt."  # begins the names of a model's options
# What neither physics nor pictures look at.
_APART = ("name", "numeric")


def difference(model: mujoco.MjModel, xml: str) -> dict[str, np.ndarray]:
    """Fields of a model that are others than those of an XML's, exactly; `build` takes them.

    Raises:
        ValueError: the XML is of a model with other parts.
    """
    written = _fields(mujoco.MjModel.from_xml_string(xml))
    found = {}
    for name, values in _fields(model).items():
        if values.shape != written[name].shape:
            raise ValueError(f"{name} is of shape {values.shape}, in XML {written[name].shape}")
        if not np.array_equal(values, written[name], equal_nan=values.dtype.kind == "f"):
            found[name] = values
    return found


def build(xml: str, numbers: Mapping[str, np.ndarray]) -> mujoco.MjModel:
    """The model of an XML and the fields that it leaves out.

    Raises:
        UserError: this MuJoCo does not know such a model.
    """
    try:
        model = mujoco.MjModel.from_xml_string(xml)
        for name, values in numbers.items():
            owner, field = model, name
            if name.startswith(_OPTION):
                owner, field = model.opt, name[len(_OPTION) :]
            if values.ndim:
                getattr(owner, field)[:] = values
            else:
                setattr(owner, field, values.item())
    except (AttributeError, ValueError) as error:
        raise UserError(
            f"the bundle's model is of another MuJoCo than this {mujoco.__version__} ({error}); "
            "export it with this one"
        ) from None
    return model


def apply_patch(patch: Patch, model: mujoco.MjModel) -> None:
    """Replaces the numbers of a model's joints and actuators; targets keep their range.

    Raises:
        UserError: the hand has no such joint or actuator.
    """
    try:
        for name, numbers in patch.joints.items():
            joint = model.joint(name)
            joint.damping[:] = numbers.get("damping", joint.damping[0])
            joint.frictionloss[:] = numbers.get("frictionloss", joint.frictionloss[0])
            joint.range[:] = [
                numbers.get(end, joint.range[i]) for i, end in enumerate(("low", "high"))
            ]
        for name, numbers in patch.actuators.items():
            actuator = model.actuator(name)
            if "gain" in numbers:
                actuator.gainprm[0] = numbers["gain"]
                actuator.biasprm[1] = -numbers["gain"]
    except KeyError:
        raise UserError(f"the model patch: the hand has no {name!r}") from None


def _fields(model: mujoco.MjModel) -> dict[str, np.ndarray]:
    """Arrays and options of a model, copied, by name."""
    arrays = {
        name: np.array(getattr(model, name))
        for name in dir(model)
        if not name.startswith(("_", *_APART)) and isinstance(getattr(model, name), np.ndarray)
    }
    options = {
        _OPTION + name: np.array(getattr(model.opt, name))
        for name in dir(model.opt)
        if not name.startswith("_") and not callable(getattr(model.opt, name))
    }
    return {**arrays, **options}
