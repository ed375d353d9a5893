"""Models, parameters and compiled engines shared by the physics tests."""

import dataclasses
import functools

import jax
import mujoco
import numpy as np
import pytest

from dactyl_jax import hand, physics

# All fields that physics randomisation may draw.
DRAWN = (
    "actuator_biasprm",
    "actuator_gainprm",
    "body_inertia",
    "body_mass",
    "dof_damping",
    "geom_friction",
    "geom_size",
    "gravity",
    "jnt_range",
    "timestep",
)


def draw_parameters(model: mujoco.MjModel, num_envs: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Draws every field of DRAWN for every environment; without derived constants."""
    rng = np.random.default_rng(seed)
    drawn = physics.nominal_parameters(model, num_envs, DRAWN)

    def factor(low: float, high: float, *shape: int) -> np.ndarray:
        return rng.uniform(low, high, (num_envs, *shape)).astype(np.float32)

    mass = factor(0.7, 1.4, model.nbody)
    drawn["body_mass"] *= mass
    drawn["body_inertia"] *= mass[..., None]
    on_object = model.geom_bodyid == model.body("object").id
    drawn["geom_size"][:, on_object] *= factor(0.95, 1.05, 1, 1)
    drawn["geom_friction"] *= factor(0.7, 1.3, 1, 1)
    drawn["dof_damping"] *= np.exp(factor(-1.0, 1.0, model.nv))
    gain = factor(0.75, 1.5, model.nu)
    drawn["actuator_gainprm"][..., 0] *= gain
    drawn["actuator_biasprm"][..., 1] *= gain
    hinges = (model.jnt_type == mujoco.mjtJoint.mjJNT_HINGE)[:, None]
    drawn["jnt_range"] += factor(-0.1, 0.1, model.njnt, 2) * hinges
    drawn["gravity"] += factor(-0.5, 0.5, 3)
    drawn["timestep"] += factor(0.0, 8e-4)
    return drawn


def state_under_targets(model: mujoco.MjModel, num_envs: int, seed: int = 0) -> physics.State:
    """Returns the reference pose with targets drawn over each actuator's full range."""
    low, high = model.actuator_ctrlrange.T
    targets = np.random.default_rng(seed).uniform(low, high, (num_envs, model.nu))
    return dataclasses.replace(
        physics.initial_state(model, num_envs), ctrl=targets.astype(np.float32)
    )


@pytest.fixture(scope="session")
def hand_model() -> mujoco.MjModel:
    return hand.load_model("block")


@pytest.fixture(scope="session")
def untouched_model() -> mujoco.MjModel:
    """Returns a model in which neither the hand nor the block touches anything."""
    model = hand.load_model("block", finger_collisions=False)
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONTACT
    return model


@pytest.fixture(scope="session")
def untouched_engine(untouched_model):
    """Returns engines of the untouched model by name, compiled once per session."""
    return functools.cache(lambda name: physics.make_engine(name, untouched_model))


@pytest.fixture(scope="session")
def parameters_for():
    return draw_parameters


@pytest.fixture(scope="session")
def targets_for():
    return state_under_targets


def equal(one, other) -> bool:
    """Reports whether two pytrees of arrays are bit-identical."""
    same = jax.tree.map(lambda a, b: np.array_equal(np.asarray(a), np.asarray(b)), one, other)
    return all(jax.tree.leaves(same))


@pytest.fixture(scope="session")
def bitwise_equal():
    return equal
