"""Raw stepping does the engine's own work and nothing else."""

import dataclasses
import time

import numpy as np
import pytest

from dactyl_jax import physics


def test_raw_native_rate_is_no_slower_than_the_engine(hand_model, parameters_for, targets_for):
    num_envs, length = 64, 4
    engine = physics.NativeEngine(hand_model)
    parameters, state = parameters_for(hand_model, num_envs), targets_for(hand_model, num_envs)
    states = []
    for _ in range(length):
        states.append(state)
        state, _ = engine.step(parameters, state, 10)
    recorded = physics.State(
        **{
            field.name: np.stack([getattr(s, field.name) for s in states])
            for field in dataclasses.fields(physics.State)
        }
    )
    raw = physics.raw_control_steps_per_second(
        engine, parameters, recorded, 10, windows=3, seconds=0.1
    )
    start = time.perf_counter()
    for s in states:
        engine.step(parameters, s, 10)
    ours = num_envs * length / (time.perf_counter() - start)
    assert 0 < ours < 2 * raw


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mjx-jax", "mjx-warp"])
def test_raw_mjx_rate_is_measured(
    name, untouched_model, untouched_engine, parameters_for, targets_for
):
    engine = untouched_engine(name)
    parameters = physics.derive(untouched_model, parameters_for(untouched_model, 4))
    state = targets_for(untouched_model, 4)
    recorded = physics.State(
        **{
            field.name: np.stack([np.asarray(getattr(state, field.name))] * 3)
            for field in dataclasses.fields(physics.State)
        }
    )
    rate = physics.raw_control_steps_per_second(
        engine, parameters, recorded, 10, windows=3, seconds=0.1
    )
    assert rate > 1
