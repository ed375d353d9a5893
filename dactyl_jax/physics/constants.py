"""Constants that MuJoCo derives from a model's parameters (mj_setConst), for every environment.

MJX and MuJoCo Warp read these constants but cannot recompute them inside a compiled function. They
are derived here on the host, once per drawn parameter vector.
"""

import copy
from collections.abc import Iterable, Mapping

import mujoco
import numpy as np
from mujoco import batch as mujoco_batch

from dactyl_jax.physics import state as state_lib

DERIVED_FIELDS = (
    "actuator_acc0",
    "actuator_length0",
    "body_invweight0",
    "body_subtreemass",
    "cam_pos0",
    "cam_poscom0",
    "dof_M0",
    "dof_invweight0",
    "dof_length",
    "geom_aabb",
    "geom_rbound",
    "light_pos0",
    "light_poscom0",
    "tendon_invweight0",
    "tendon_length0",
)
"""What mj_setConst computes and an engine may read; always derived, never drawn."""

_ENGINE_FIELDS = tuple(
    field
    for field in DERIVED_FIELDS
    # The others affect only rendering, sleeping and export, which no engine batches.
    if not field.startswith(("cam_", "light_"))
    and field not in ("actuator_length0", "dof_M0", "dof_length")
)


def batch_field(field: str) -> str:
    """Name of a parameter field in `mujoco.batch`."""
    return f"opt.{field}" if field in state_lib.OPTION_FIELDS else field


def changes_constants(field: str) -> bool:
    """Whether mj_setConst reads the field, so that constants must be derived again on a change."""
    return field in mujoco.MjModel._setconst_inputs


def drawn_fields(fields: Iterable[str]) -> list[str]:
    """The fields that are not derived constants, sorted."""
    return sorted(set(fields).difference(DERIVED_FIELDS))


def without_autoreset(model: mujoco.MjModel) -> mujoco.MjModel:
    """A copy of the model that exposes divergence instead of resetting itself."""
    model = copy.copy(model)
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
    return model


def derive(model: mujoco.MjModel, fields: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Completes drawn parameters with the constants that depend on them.

    Args:
      model: the model that the fields belong to; not modified.
      fields: MjModel field (or `gravity`, `timestep`) -> [N, ...] values, with the same N for all.

    Returns:
      Field -> [N, ...] float32: the drawn fields unchanged, and every constant derived from them
      that an engine reads. The set of fields depends only on the given names.

    Raises:
      ValueError: a field is unknown, is itself derived or has the wrong shape, or its values are
        rejected by MuJoCo or unsupported by MJX.
    """
    drawn = {name: np.asarray(values, np.float32) for name, values in fields.items()}
    num_rows = _check(model, drawn)
    if not any(changes_constants(name) for name in drawn):
        return drawn
    batch = mujoco_batch.Batch(model, num_rows)
    for name, values in drawn.items():
        batch.expand(batch_field(name))[...] = values
    try:
        batch.set_const()
    except mujoco_batch.SimulationError as error:
        raise ValueError(f"physics parameters rejected by MuJoCo: {error}") from error
    derived = {}
    for name in mujoco_batch.MODEL_FIELDS - {batch_field(field) for field in drawn}:
        values = batch.expanded(name)
        if values is None or not values.size or name == "bvh_aabb":
            continue
        if name in _ENGINE_FIELDS:
            derived[name] = values.astype(np.float32)
        elif name not in DERIVED_FIELDS and np.any(values != getattr(model, name)):
            raise ValueError(
                f"physics parameters {', '.join(drawn)}: these values change {name!r}, which "
                "cannot differ between environments"
            )
    return drawn | dict(sorted(derived.items()))


def _check(model: mujoco.MjModel, drawn: Mapping[str, np.ndarray]) -> int:
    """Checks all fields of `drawn`; returns their number of rows."""
    rows = {len(values) if values.ndim else 0 for values in drawn.values()}
    if len(rows) > 1:
        raise ValueError(
            f"physics parameters: all need the same number of rows, but have {sorted(rows)}"
        )
    for name, values in drawn.items():
        if name in DERIVED_FIELDS:
            raise ValueError(f"physics parameter {name!r}: is derived from others, it is not drawn")
        expected = state_lib.nominal_value(model, name).shape
        if values.shape[1:] != expected:
            raise ValueError(
                f"physics parameter {name!r}: must be [N, *{expected}], but is {values.shape}"
            )
    return rows.pop() if rows else 0
