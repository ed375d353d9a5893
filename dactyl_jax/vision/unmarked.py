"""An unmarked object, whose orientation is ambiguous in images: does the network say so?"""

import copy

import mujoco

from dactyl_jax.hand.objects import VISUAL_GROUP

COLOUR = (0.6, 0.6, 0.6, 1.0)  # differs from all sides of the objects


def without_marks(model: mujoco.MjModel) -> mujoco.MjModel:
    """A copy of a model with cameras whose object has one material and no letters.

    A block then looks the same in 24 orientations, a sphere in all.
    """
    model = copy.copy(model)
    seen = (model.geom_bodyid == model.body("object").id) & (model.geom_group == VISUAL_GROUP)
    material = model.geom_matid[seen][0]
    model.geom_matid[seen] = material
    model.mat_texid[material] = -1
    model.mat_rgba[material] = COLOUR
    return model
