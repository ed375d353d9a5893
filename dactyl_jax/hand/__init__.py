"""The simulated Shadow hand and the objects that it rotates.

`load_model` builds the MuJoCo model, `layout` holds the addresses of its parts. `kinematics`
computes fingertip positions from joint angles, and `rotations` is the project's quaternion
arithmetic.
"""

from dactyl_jax.hand.layout import ACTUATORS, FINGERTIPS, JOINTS, Layout, layout
from dactyl_jax.hand.model import load_model
from dactyl_jax.hand.objects import OBJECTS
from dactyl_jax.hand.rig import RIG, Camera, read_rig, refuse_rig, write_rig

__all__ = [
    "ACTUATORS",
    "FINGERTIPS",
    "JOINTS",
    "OBJECTS",
    "RIG",
    "Camera",
    "Layout",
    "layout",
    "load_model",
    "read_rig",
    "refuse_rig",
    "write_rig",
]
