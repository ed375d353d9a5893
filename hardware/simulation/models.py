"""MuJoCo models in a bundle: an XML, and arrays with what the XML leaves out.

MuJoCo writes numbers to six digits, and no textures. A simulation that reproduces training bit by
bit needs all digits, and the surrogate world is training's hand with different numbers. Hence a
model in a bundle is an XML together with the fields that differ from the XML's.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree

import mujoco
import numpy as np

from hardware.base.errors import UserError, describe
from hardware.bundle.model_patch import Patch

_OPTION = "opt."  # prefix of the names of a model's options
# Fields that affect neither physics nor rendering.
_APART = ("name", "numeric")
# Elements that a bundle's XML may contain, and integer fields that its arrays may set, with their
# ranges. All other integers, above all indices, follow from the XML.
_ELEMENTS = frozenset(
    (
        *("mujoco", "compiler", "option", "flag", "default", "worldbody", "body", "inertial"),
        *("joint", "freejoint", "geom", "site", "contact", "pair", "exclude", "tendon", "fixed"),
        *("actuator", "general", "position", "asset", "material", "texture", "camera", "light"),
        *("visual", "headlight", "quality", "global", "map", "scale", "rgba", "statistic", "size"),
    )
)
_WHOLE = {
    "geom_condim": (1, 6),
    "pair_dim": (1, 6),
    "geom_priority": (0, 10),
    "tex_data": (0, 255),
    "opt.cone": (0, 1),
    "opt.iterations": (1, 200),
    "opt.ls_iterations": (1, 200),
}
_LARGEST = 1e12  # of any number
_TIMESTEP = (1e-4, 0.008)  # s
_MOST_PARTS, _MOST_BYTES = 2000, 2**22  # elements and bytes in an XML


def difference(model: mujoco.MjModel, xml: str) -> dict[str, np.ndarray]:
    """Fields of a model that differ from those of its XML in any digit; the input of `build`.

    Raises:
        ValueError: the XML describes a model with other parts.
    """
    written = _fields(mujoco.MjModel.from_xml_string(xml))
    found = {}
    for name, values in _fields(model).items():
        if values.shape != written[name].shape:
            raise ValueError(f"{name} has shape {values.shape}, in XML {written[name].shape}")
        if not np.array_equal(values, written[name], equal_nan=values.dtype.kind == "f"):
            found[name] = values
    return found


def build(xml: str, numbers: Mapping[str, np.ndarray]) -> mujoco.MjModel:
    """Builds a model from an XML and the fields that differ from it.

    Raises:
        UserError: this MuJoCo cannot build the model, or the model is not a bundle's.
    """
    try:
        _check_xml(xml)
        model = mujoco.MjModel.from_xml_string(xml)
        known = _fields(model)
        for name, values in numbers.items():
            if name not in known or values.shape != known[name].shape:
                raise ValueError(f"it has no {name} of shape {values.shape}")
            _check_field(name, values, known[name].dtype.kind)
            owner, field = model, name
            if name.startswith(_OPTION):
                owner, field = model.opt, name[len(_OPTION) :]
            if values.ndim:
                getattr(owner, field)[:] = values
            else:
                setattr(owner, field, values.item())
        if not _TIMESTEP[0] <= model.opt.timestep <= _TIMESTEP[1]:
            raise ValueError(f"its time step is {model.opt.timestep:g} s")
    except (AttributeError, ValueError, ElementTree.ParseError) as error:
        raise UserError(
            f"MuJoCo {mujoco.__version__} cannot build the bundle's model ({describe(error)}); "
            "export the bundle with this version of MuJoCo"
        ) from None
    return model


def _check_xml(xml: str) -> None:
    """Refuses an XML that is large, describes a large model, or reads other files."""
    if len(xml) > _MOST_BYTES or "<!" in xml.replace("<!--", ""):
        raise ValueError("its XML is too large, or defines entities")
    elements = list(ElementTree.fromstring(xml).iter())
    if len(elements) > _MOST_PARTS:
        raise ValueError(f"its XML has {len(elements)} elements")
    for element in elements:
        if element.tag not in _ELEMENTS or "file" in element.attrib:
            raise ValueError(f"its XML has an element {element.tag!r:.40}, which no bundle has")
        size = [int(element.get(name, 0)) for name in ("width", "height", "memory", "nconmax")]
        if max(size) > _MOST_BYTES // 1024:
            raise ValueError(f"its XML has a {element.tag} of {max(size)}")


def _check_field(name: str, values: np.ndarray, kind: str) -> None:
    """Refuses a field that the XML determines, and values out of bounds."""
    if kind != "f" or name in _WHOLE:
        if name not in _WHOLE:
            raise ValueError(f"{name} follows from the XML")
        low, high = _WHOLE[name]
        if values.dtype.kind not in "iu" or not ((values >= low) & (values <= high)).all():
            raise ValueError(f"{name} is not from {low} to {high}")
    elif values.dtype.kind != "f" or not (np.abs(values) <= _LARGEST).all():
        raise ValueError(f"{name} is not an array of finite numbers")


def apply_patch(patch: Patch, model: mujoco.MjModel) -> None:
    """Applies a patch to a model's joints and actuators; the targets keep their range.

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
    """Copies of a model's arrays and options by name."""
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
