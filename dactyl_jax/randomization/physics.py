"""Physics terms: each changes fields of one model, drawn once per episode.

The paper does not say which draws are shared. Here all friction coefficients share one factor, and
so do all of the object's dimensions. Masses, dampings, gains and limits are drawn independently for
each body, degree of freedom, actuator and joint.
"""

import zlib

import mujoco
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import physics
from dactyl_jax.randomization.terms import PhysicsTerm

MIDDLE_SHARE = 0.2  # fraction of each joint's range, about its middle, that drawn limits include


class Fields(dict[str, np.ndarray]):
    """Fields of one model by their MjModel names, copied from the nominal model on first access."""

    def __init__(self, model: mujoco.MjModel):
        super().__init__()
        self.model = model

    def __missing__(self, name: str) -> np.ndarray:
        self[name] = np.array(physics.nominal_value(self.model, name), dtype=np.float64)
        return self[name]


def object_size(
    fields: Fields, rng: np.random.Generator, law: ConfigDict, strength: float
) -> np.ndarray:
    """Scales the object's dimensions by one uniform factor; inertia follows, mass does not."""
    factor = _uniform(rng, law, strength, 1)
    body = fields.model.body("object").id
    fields["geom_size"][fields.model.geom_bodyid == body] *= factor
    fields["body_inertia"][body] *= factor**2
    return factor


def mass(fields: Fields, rng: np.random.Generator, law: ConfigDict, strength: float) -> np.ndarray:
    """Scales mass and inertia of each moving body by an independent uniform factor."""
    moving = fields.model.body_weldid != 0
    factor = _uniform(rng, law, strength, moving.sum())
    fields["body_mass"][moving] *= factor
    fields["body_inertia"][moving] *= factor[:, None]
    return factor


def friction(
    fields: Fields, rng: np.random.Generator, law: ConfigDict, strength: float
) -> np.ndarray:
    """Scales all friction coefficients by one uniform factor."""
    factor = _uniform(rng, law, strength, 1)
    fields["geom_friction"] *= factor
    return factor


def damping(
    fields: Fields, rng: np.random.Generator, law: ConfigDict, strength: float
) -> np.ndarray:
    """Scales the damping of each joint of the hand by an independent log-uniform factor."""
    model = fields.model
    hinged = model.jnt_type[model.dof_jntid] == mujoco.mjtJoint.mjJNT_HINGE
    factor = _log_uniform(rng, law, strength, hinged.sum())
    fields["dof_damping"][hinged] *= factor
    return factor


def gain(fields: Fields, rng: np.random.Generator, law: ConfigDict, strength: float) -> np.ndarray:
    """Scales each position actuator's proportional gain by an independent log-uniform factor."""
    factor = _log_uniform(rng, law, strength, fields.model.nu)
    fields["actuator_gainprm"][:, 0] *= factor
    fields["actuator_biasprm"][:, 1] *= factor
    return factor


def joint_limits(
    fields: Fields, rng: np.random.Generator, law: ConfigDict, strength: float
) -> np.ndarray:
    """Shifts both limits of each joint by normal variates that keep the middle fifth of its range.

    The paper's shift is in rad, the same for all joints. `width_share` adds a fraction of the
    joint's range to the standard deviation, as in robogym, where limits at zero do not move.
    """
    joints = np.flatnonzero(fields.model.jnt_type == mujoco.mjtJoint.mjJNT_HINGE)
    low, high = fields["jnt_range"][joints].T
    by_width = law.width_share * (high - low)[:, None] * (fields["jnt_range"][joints] != 0)
    shift = strength * (rng.normal(0.0, 1.0, (len(joints), 2)) * (law.deviation + by_width))
    room = 0.5 * (1 - MIDDLE_SHARE) * (high - low)
    shift = np.stack([np.minimum(shift[:, 0], room), np.maximum(shift[:, 1], -room)], axis=1)
    fields["jnt_range"][joints] += shift
    return shift.ravel()


def gravity(
    fields: Fields, rng: np.random.Generator, law: ConfigDict, strength: float
) -> np.ndarray:
    """Adds a normal vector to gravity."""
    offset = strength * rng.normal(0.0, law.deviation, 3)
    fields["gravity"] += offset
    return offset


# OpenAI (2018), Table 1: factors of the nominal value; deviations in rad and m/s2.
TERMS = (
    PhysicsTerm("object_size", "physics", "Table 1", {"low": 0.95, "high": 1.05}, object_size),
    PhysicsTerm("mass", "physics", "Table 1", {"low": 0.5, "high": 1.5}, mass),
    PhysicsTerm("friction", "physics", "Table 1", {"low": 0.7, "high": 1.3}, friction),
    PhysicsTerm("damping", "physics", "Table 1", {"low": 0.3, "high": 3.0}, damping),
    PhysicsTerm("gain", "physics", "Table 1", {"low": 0.75, "high": 1.5}, gain),
    PhysicsTerm(
        "joint_limits", "physics", "Table 1", {"deviation": 0.15, "width_share": 0.0}, joint_limits
    ),
    PhysicsTerm("gravity", "physics", "Table 1", {"deviation": 0.4}, gravity),
)


def draw(
    model: mujoco.MjModel,
    config: ConfigDict,
    indices: np.ndarray,
    strengths: dict[str, np.ndarray] | None = None,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Draws the enabled terms for the models with indices `indices` `[N]`.

    Draw n of a term depends only on `config.seed`, the term's name and n. Enabling or disabling
    a term, or drawing more models, does not change the other draws.

    Args:
        model: the nominal model.
        config: a complete configuration.
        indices: indices of the models, `[N]`.
        strengths: strength of each term, `[N]` by its name; 1 everywhere by default.

    Returns:
        The changed MjModel fields, `{name: [N, ...]}`, float64, empty if no term is enabled; and
        the values that the terms drew, concatenated, `[N, D]`.
    """
    terms = [term for term in TERMS if term.enabled(config)]
    models, numbers = [], []
    for row, index in enumerate(indices):
        fields, drawn = Fields(model), [np.zeros(0)]
        for term in terms:
            rng = np.random.default_rng([config.seed, zlib.crc32(term.name.encode()), int(index)])
            strength = 1.0 if strengths is None else float(strengths[term.name][row])
            drawn.append(term.draw(fields, rng, config.terms[term.name], strength))
        models.append(fields)
        numbers.append(np.concatenate(drawn))
    return {name: np.stack([fields[name] for fields in models]) for name in models[0]}, np.stack(
        numbers
    )


def _uniform(rng: np.random.Generator, law: ConfigDict, strength: float, count) -> np.ndarray:
    return 1 + strength * (rng.uniform(law.low, law.high, count) - 1)


def _log_uniform(rng: np.random.Generator, law: ConfigDict, strength: float, count) -> np.ndarray:
    return np.exp(strength * rng.uniform(np.log(law.low), np.log(law.high), count))
