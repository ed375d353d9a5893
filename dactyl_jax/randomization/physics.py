"""Physics terms: each scales fields of one model, once per episode.

A term is a function `(fields, rng, law)` that changes `fields` in place; `law` is its node of
`config.terms`. Laws are those of OpenAI (2018), Table 1. The paper does not say which draws are
shared: here one friction factor serves all geoms, and masses, dampings and gains are drawn for
each body, joint and actuator on its own.
"""

import zlib
from collections.abc import Callable

import mujoco
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax.randomization import presets


class Fields(dict[str, np.ndarray]):
    """Fields of one model by MjModel's names, copied from the nominal model when first touched."""

    def __init__(self, model: mujoco.MjModel):
        super().__init__()
        self._model = model

    def __missing__(self, name: str) -> np.ndarray:
        return np.array(getattr(self._model, name), dtype=np.float64)


def friction(fields: Fields, rng: np.random.Generator, law: ConfigDict) -> None:
    """All friction coefficients times one uniform factor."""
    fields["geom_friction"] *= rng.uniform(law.low, law.high)


def mass(fields: Fields, rng: np.random.Generator, law: ConfigDict) -> None:
    """Mass and inertia of each body times its own uniform factor."""
    factor = rng.uniform(law.low, law.high, fields["body_mass"].shape)
    fields["body_mass"] *= factor
    fields["body_inertia"] *= factor[:, None]


def damping(fields: Fields, rng: np.random.Generator, law: ConfigDict) -> None:
    """Damping of each degree of freedom times its own log-uniform factor."""
    fields["dof_damping"] *= _log_uniform(rng, law, fields["dof_damping"].shape)


def gain(fields: Fields, rng: np.random.Generator, law: ConfigDict) -> None:
    """Proportional gain of each position actuator times its own log-uniform factor."""
    factor = _log_uniform(rng, law, len(fields["actuator_gainprm"]))
    fields["actuator_gainprm"] *= _only_column(0, factor, fields["actuator_gainprm"].shape)
    fields["actuator_biasprm"] *= _only_column(1, factor, fields["actuator_biasprm"].shape)


Term = Callable[[Fields, np.random.Generator, ConfigDict], None]
TERMS: dict[str, Term] = {"friction": friction, "mass": mass, "damping": damping, "gain": gain}


def draw(model: mujoco.MjModel, config: ConfigDict, indices: np.ndarray) -> dict[str, np.ndarray]:
    """Draws the enabled terms for models numbered `indices` `[N]`.

    Draw n of a term depends on `config.seed`, the term's name and n alone: switching a term on or
    off, or drawing more models, leaves the others as they were.

    Returns:
        The changed MjModel fields, `{name: [N, ...]}`, float64; empty when no term is enabled.
    """
    terms = {name: term for name, term in TERMS.items() if presets.enabled(config, name)}
    models = []
    for index in indices:
        fields = Fields(model)
        for name, term in terms.items():
            rng = np.random.default_rng([config.seed, zlib.crc32(name.encode()), int(index)])
            term(fields, rng, config.terms[name])
        models.append(fields)
    return {name: np.stack([fields[name] for fields in models]) for name in models[0]}


def _log_uniform(rng: np.random.Generator, law: ConfigDict, shape) -> np.ndarray:
    return np.exp(rng.uniform(np.log(law.low), np.log(law.high), shape))


def _only_column(column: int, factor: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    scale = np.ones(shape)
    scale[:, column] = factor
    return scale
