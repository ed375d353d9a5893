"""Capacity for contacts and constraints that MuJoCo Warp needs for a model.

Warp's arrays have fixed sizes: contacts are pooled over all environments, constraints are sized per
environment. A model's theoretical maximum is far above what a hand and an object ever need, and
time and memory grow with it. The capacity is therefore measured under random actions and multiplied
by a safety factor. Whatever exceeds it is reported as overflow.
"""

import dataclasses

import mujoco
import numpy as np

from dactyl_jax.physics import constants

SAFETY_FACTOR = 2.0
_EPISODES = 8
_CONTROL_STEPS = 25
_PHYSICS_STEPS = 10


@dataclasses.dataclass(frozen=True)
class Capacity:
    """Capacity per environment."""

    contacts: int  # contacts, and candidate pairs of geoms; pooled over environments
    convex_pairs: int  # candidate pairs that need the general convex algorithm; pooled as well
    constraints: int  # rows of the constraint Jacobian


def measure(model: mujoco.MjModel, pairs: np.ndarray) -> Capacity:
    """The capacity for `model`: the maximum under random actions, times `SAFETY_FACTOR`.

    Args:
      model: the model; not modified.
      pairs: [pair, 2] geoms that may collide. All of them always fit as candidates.

    The roll-out starts from the reference pose and draws new targets at every control step. Every
    other episode draws them from the upper half of their ranges, which closes the hand: these poses
    have the most contacts. The result is deterministic.
    """
    model = constants.without_autoreset(model)
    data = mujoco.MjData(model)
    rng = np.random.default_rng(0)
    low, high = model.actuator_ctrlrange.T
    contacts = constraints = 0
    for episode in range(_EPISODES):
        mujoco.mj_resetData(model, data)
        for _ in range(_CONTROL_STEPS):
            data.ctrl[:] = rng.uniform(low if episode % 2 else (low + high) / 2, high)
            for _ in range(_PHYSICS_STEPS):
                mujoco.mj_step(model, data)
                contacts = max(contacts, data.ncon)
                constraints = max(constraints, data.nefc)
    return Capacity(
        contacts=max(int(np.ceil(SAFETY_FACTOR * contacts)), len(pairs), 1),
        convex_pairs=max(_count_convex(model, pairs), 1),
        constraints=max(int(np.ceil(SAFETY_FACTOR * constraints)), 1),
    )


def _count_convex(model: mujoco.MjModel, pairs: np.ndarray) -> int:
    """Number of `pairs` without a closed formula in MuJoCo Warp."""
    geom = mujoco.mjtGeom
    simple = [geom.mjGEOM_PLANE, geom.mjGEOM_SPHERE, geom.mjGEOM_CAPSULE, geom.mjGEOM_BOX]
    types = model.geom_type[pairs]
    both_boxes = (types == geom.mjGEOM_BOX).all(axis=1)
    return int((~np.isin(types, simple).all(axis=1) | both_boxes).sum())
