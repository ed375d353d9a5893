"""The hand and what cameras see of it as MJCF, and the numbers that XML leaves out."""

import mujoco
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax.envs import worlds
from dactyl_jax.hand.model import make_spec
from dactyl_jax.vision import config as vision_config
from experiments.export import golden
from hardware.simulation import models


def build_world(config: ConfigDict, world: str) -> mujoco.MjModel:
    """The model that a policy trains in, or that of another world of `config.env.world`."""
    config = golden.plain(config)
    config.env.world = world
    return worlds.build(config)[1]


def hand_xml(config: ConfigDict) -> str:
    """The training's hand and object as MJCF, which keeps six digits of its numbers."""
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
    """What the cameras of a pose network see, as MJCF, and what `models.build` needs beside it."""
    spec = make_spec(
        config.object,
        tilt=config.tilt,
        finger_collisions=False,
        locked_wrist=False,
        goal=False,
        patch="",
        cameras=vision_config.cameras(config),
    )
    # A quarter of the work of OpenGL in software, and hardly to be seen.
    quality = spec.visual.quality
    quality.numslices, quality.numstacks, quality.shadowsize = 16, 8, 1024
    model = spec.compile()
    for texture in spec.textures:  # XML has no room for pictures
        texture.data, texture.builtin = b"", mujoco.mjtBuiltin.mjBUILTIN_FLAT
    spec.compile()
    xml = spec.to_xml()
    return xml, models.difference(model, xml)
