"""The MJX engines agree with the native one, and report overflow and divergence."""

import dataclasses
import functools

import jax
import numpy as np
import pytest

from dactyl_jax import hand, physics
from dactyl_jax.physics.capacity import Capacity
from dactyl_jax.physics.mjx import MjxEngine

MJX_ENGINES = ("mjx-jax", "mjx-warp")
ENVS, STEPS = 4, 10


@pytest.mark.parametrize("name", MJX_ENGINES)
def test_joints_agree_without_contact(
    name, untouched_model, untouched_engine, parameters_for, targets_for
):
    """Within 1e-3 rad after 30 steps, every term drawn per environment, constants derived."""
    parameters = physics.derive(untouched_model, parameters_for(untouched_model, ENVS))
    ours = native = targets_for(untouched_model, ENVS)
    for _ in range(3):
        ours, info = untouched_engine(name).step(parameters, ours, STEPS)
        native, _ = untouched_engine("native").step(parameters, native, STEPS)
    np.testing.assert_allclose(ours.qpos, native.qpos, atol=1e-3)
    np.testing.assert_allclose(ours.time, native.time, rtol=1e-6)
    assert np.ptp(np.asarray(ours.qpos), axis=0).max() > 0.3  # environments differ
    assert not np.any(info.diverged)
    assert not np.any(info.overflow)


@pytest.mark.parametrize("name", MJX_ENGINES)
def test_divergence_is_flagged_and_stays_alone(
    name, untouched_model, untouched_engine, parameters_for, targets_for
):
    parameters = physics.derive(untouched_model, parameters_for(untouched_model, ENVS))
    state = targets_for(untouched_model, ENVS)
    expected, _ = untouched_engine(name).step(parameters, state, STEPS)
    speed = np.array(state.qvel)
    speed[1, 3], speed[2, 3] = 1e12, np.nan
    insane = dataclasses.replace(state, qvel=speed)
    stepped, info = untouched_engine(name).step(parameters, insane, STEPS)
    assert np.asarray(info.diverged).tolist() == [False, True, True, False]
    for row in (0, 3):
        np.testing.assert_allclose(stepped.qpos[row], expected.qpos[row], atol=1e-6)


@pytest.mark.parametrize("name", MJX_ENGINES)
def test_a_step_depends_on_its_arguments_alone(
    name, untouched_model, untouched_engine, parameters_for, targets_for, bitwise_equal
):
    parameters = physics.derive(untouched_model, parameters_for(untouched_model, ENVS))
    state = targets_for(untouched_model, ENVS)
    first = untouched_engine(name).step(parameters, state, STEPS)
    untouched_engine(name).step(parameters, first[0], STEPS)
    assert bitwise_equal(untouched_engine(name).step(parameters, state, STEPS), first)


def test_too_little_room_is_reported():
    """A hand closing around the block exceeds the limits of contacts and constraints."""
    model = hand.load_model("block")
    state = _closing(model, 3)
    roomy = MjxEngine(model, "warp")
    _, info = roomy.step({}, state, STEPS)
    assert not np.any(info.overflow)
    for small in (
        Capacity(contacts=1, convex_pairs=1, constraints=roomy._capacity.constraints),
        Capacity(contacts=80, convex_pairs=2, constraints=30),
    ):
        _, info = MjxEngine(model, "warp", small).step({}, state, STEPS)
        assert np.all(info.overflow), small


@pytest.mark.parametrize("kind", hand.OBJECTS)
def test_room_is_enough_for_play(kind):
    """Random actions other than those that set the limits stay within them."""
    model = hand.load_model(kind)
    room = MjxEngine(model, "warp")._capacity
    engine = physics.NativeEngine(model)
    state = physics.initial_state(model, 32)
    low, high = model.actuator_ctrlrange.T
    rng = np.random.default_rng(7)
    for _ in range(20):
        targets = rng.uniform(low, high, (32, model.nu)).astype(np.float32)
        state, _ = engine.step({}, dataclasses.replace(state, ctrl=targets), STEPS)
        (rows,) = engine._rows.values()
        assert rows.batch.bind("ncon").max() <= room.contacts
        assert rows.batch.bind("nefc").max() <= room.constraints


def _closing(model, num_envs):
    state = physics.initial_state(model, num_envs)
    high = np.tile(model.actuator_ctrlrange[:, 1].astype(np.float32), (num_envs, 1))
    return dataclasses.replace(state, ctrl=high)


EPISODES, CONTROL_STEPS = 200, 8


@functools.cache
def _contact_forces(name: str) -> np.ndarray:
    """Returns the mean contact force [N] of each of 200 episodes with a closing hand."""
    model = hand.load_model("block", finger_collisions=False)
    rng = np.random.default_rng(0)
    mass = physics.nominal_parameters(model, EPISODES, ["body_mass", "body_inertia"])
    factor = rng.uniform(0.7, 1.3, (EPISODES, model.nbody)).astype(np.float32)
    mass["body_mass"] *= factor
    mass["body_inertia"] *= factor[..., None]
    parameters = physics.derive(model, mass)
    low, high = model.actuator_ctrlrange.T
    targets = rng.uniform(low, high, (CONTROL_STEPS, EPISODES, model.nu)).astype(np.float32)
    engine = physics.make_engine(name, model)

    @jax.jit
    def play(parameters, state, targets):
        def step(state, targets):
            return engine.step(parameters, dataclasses.replace(state, ctrl=targets), STEPS)

        return jax.lax.scan(step, state, targets)[1]

    info = play(parameters, physics.initial_state(model, EPISODES), targets)
    assert not np.any(info.diverged)
    assert not np.any(info.overflow)
    return np.linalg.norm(np.asarray(info.contact_force), axis=-1).mean(axis=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", MJX_ENGINES)
def test_contact_forces_agree_over_episodes(name):
    """Contacts make single episodes diverge; their means lie within 99% intervals."""
    ours, native = _contact_forces(name), _contact_forces("native")
    deviation = np.sqrt((ours.var(ddof=1) + native.var(ddof=1)) / EPISODES)
    assert native.mean() > 0.3
    assert abs(ours.mean() - native.mean()) < 2.58 * deviation
