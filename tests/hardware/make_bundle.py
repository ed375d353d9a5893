"""Makes tests/hardware/bundle, the bundle of a random policy, for tests without JAX.

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
    """A small random policy and its configuration; `fields` override `config.env`.

    The hand has the published motors. The calibrated hand's weaker motors saturate at once, and a
    fit cannot determine the gain of a saturated motor.
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
    """Small random pose networks; their estimates depend on the pictures."""
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
    # Random places would put the object anywhere. Hidden ones leave it where the first look has it,
    # near the palm.
    for part in ("object", "forearm"):
        offset = parameters[part]["offset"]
        parameters[part] = parameters[part] | {"offset": offset.at[:, 1].set(-200.0)}
    # A small mean matrix means a large uncertainty; one along the identity does not leap.
    first = parameters["first"]
    head = jax.tree.map(lambda x: 0.1 * x, first["head"])
    head["bias"] = head["bias"].at[3:].add(0.2 * jnp.eye(3).ravel())
    parameters["first"] = first | {"head": head}
    return TrainedPoseNetwork(
        config, Estimator(eyes, solve.rig(config), parameters, 0, 0), {"run": "random"}
    )


def contents(*, seeing: bool = False, **fields) -> dict[str, bytes]:
    """The files of the random policy's bundle, with vision if `seeing`."""
    pose = pose_network() if seeing else None
    return bundle.contents(*policy(**fields), {"run": "random"}, pose, episodes=2, steps=8)


if __name__ == "__main__":
    store.write(Path(sys.argv[1]), contents(seeing=True))
