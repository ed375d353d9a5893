"""MJCF of the hand and of the cameras' scene, and the numbers that XML cannot represent."""

import mujoco
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax.envs import worlds
from dactyl_jax.hand.model import make_spec
from dactyl_jax.vision import config as vision_config
from experiments.export import golden
from hardware.simulation import models


def build_world(config: ConfigDict, world: str) -> mujoco.MjModel:
    """Builds the training world's model, or the model of another `config.env.world`."""
    config = golden.plain(config)
    config.env.world = world
    return worlds.build(config)[1]


def hand_xml(config: ConfigDict) -> str:
    """Returns the training's hand and object as MJCF, which keeps six digits per number."""
    spec = make_spec(
        config.env.object,
        tilt=config.env.tilt,
        motors=config.env.motors,
        finger_collisions=config.env.finger_collisions,
        locked_wrist=config.env.locked_wrist,
        goal=False,
        patch=config.env.model_patch,
    )
    spec.option.timestep = config.env.sim_dt
    spec.compile()
    return spec.to_xml()


def scene_xml(config: ConfigDict) -> tuple[str, dict[str, np.ndarray]]:
    """Returns the pose network's scene as MJCF, and the arrays that `models.build` adds to it."""
    spec = make_spec(
        config.object,
        tilt=config.tilt,
        finger_collisions=False,
        locked_wrist=False,
        goal=False,
        patch="",
        cameras=vision_config.cameras(config),
    )
    # A quarter of the cost in software OpenGL, with hardly visible differences.
    quality = spec.visual.quality
    quality.numslices, quality.numstacks, quality.shadowsize = 16, 8, 1024
    model = spec.compile()
    for texture in spec.textures:  # XML cannot hold images
        texture.data, texture.builtin = b"", mujoco.mjtBuiltin.mjBUILTIN_FLAT
    spec.compile()
    xml = spec.to_xml()
    return xml, models.difference(model, xml)
