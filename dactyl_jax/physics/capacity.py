"""How much room for contacts and constraints MuJoCo Warp needs for a model.

Warp's arrays have fixed sizes, shared by all environments for contacts and per environment for
constraints. The largest numbers that a model could have at all are far from what a hand and an
object ever have, and time and memory grow with them; so the room is measured over random play
and widened by a safety factor. What still does not fit is reported as overflow.
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
    """Room per environment."""

    contacts: int  # contacts, and pairs of geoms that might touch; environments share the sum
    convex_pairs: int  # pairs among them that need the general convex algorithm; shared as well
    constraints: int  # rows of the constraint Jacobian


def measure(model: mujoco.MjModel, pairs: np.ndarray) -> Capacity:
    """The room for `model`: the most that random play needs, times `SAFETY_FACTOR`.

    Args:
      model: the model, untouched.
      pairs: [pair, 2] geoms that the model lets touch. There is always room for all of them as
        candidates.

    The play starts from the reference pose and draws targets anew at every control step, in
    every other episode from the upper half of their ranges, which closes the hand: the poses
    with the most contacts. It is the same every time.
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
    """How many of `pairs` have no closed formula in MuJoCo Warp."""
    geom = mujoco.mjtGeom
    simple = [geom.mjGEOM_PLANE, geom.mjGEOM_SPHERE, geom.mjGEOM_CAPSULE, geom.mjGEOM_BOX]
    types = model.geom_type[pairs]
    both_boxes = (types == geom.mjGEOM_BOX).all(axis=1)
    return int((~np.isin(types, simple).all(axis=1) | both_boxes).sum())
