"""Makes tests/hardware/bundle, a policy that knows nothing, for tests where there is no JAX.

python -m tests.hardware.make_bundle FOLDER
"""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax.envs import observation
from dactyl_jax.learning import PolicyAgent, PolicyCheckpoint, normalization
from dactyl_jax.learning.networks import Network
from dactyl_jax.vision import config as vision_config
from dactyl_jax.vision import solve
from dactyl_jax.vision.estimator import Estimator
from dactyl_jax.vision.eyes import make_eyes
from experiments.export import bundle
from experiments.export.vision import TrainedPoseNetwork
from hardware.bundle import store


def policy(*, memory: bool = True, **fields) -> tuple[ConfigDict, PolicyCheckpoint]:
    """A small random policy and its configuration; `fields` are of `config.env`.

    Its hand has the published motors. The weak ones of the calibrated hand are at their force limit
    at once, where a fit cannot tell their gains.
    """
    config = config_lib.default()
    task = {"policy_observation": "proprioceptive", "bank_size": 64, "motors": "published"}
    config.env.update({**task, **fields})
    inputs = observation.size(observation.policy_parts(config.env))
    design = Network(
        inputs,
        220,
        dense=(16,),
        lstm=16,
        memory=memory,
        activation="elu",
        head_scale=1.0,
        ordinal_bins=11,
    )
    statistics = normalization.Statistics(
        jnp.float32(1), jnp.linspace(-0.5, 0.5, inputs), jnp.linspace(0.01, 0.5, inputs)
    )
    agent = PolicyAgent(design.initial_parameters(jax.random.key(0)), statistics, design, 20, 11)
    return config, PolicyCheckpoint(agent, iteration=0, steps=0, goal_distance=0.9)


def pose_network() -> TrainedPoseNetwork:
    """Small random pose networks; what they say depends on what they see."""
    config = vision_config.default()
    config.image_size = 32
    config.network.channels, config.network.blocks, config.network.strides = (8,), (1,), (1,)
    config.network.points, config.network.dense = 14, (16,)
    for part in (config.closer.object, config.closer.forearm):
        part.channels, part.dilations = 8, (1,)
    eyes = make_eyes(config)
    rng = np.random.default_rng(0)
    parameters = jax.tree.map(
        lambda array: jnp.asarray(array + rng.normal(0, 0.2, array.shape), jnp.float32),
        eyes.initial_parameters(jax.random.key(0)),
    )
    # So small a matrix is in doubt.
    first = parameters["first"]
    parameters["first"] = first | {"head": jax.tree.map(lambda x: 0.1 * x, first["head"])}
    return TrainedPoseNetwork(
        config, Estimator(eyes, solve.rig(config), parameters, 0, 0), {"run": "random"}
    )


def contents(*, seeing: bool = False, **fields) -> dict[str, bytes]:
    """The files of such a policy's bundle, with vision or without."""
    pose = pose_network() if seeing else None
    return bundle.contents(*policy(**fields), {"run": "random"}, pose, episodes=2, steps=8)


if __name__ == "__main__":
    store.write(Path(sys.argv[1]), contents(seeing=True))
