"""Bare stepping does the same work as the engine."""

import dataclasses

import numpy as np
import pytest

from dactyl_jax import physics
from dactyl_jax.physics import raw


def _recorded(states):
    fields = [field.name for field in dataclasses.fields(physics.State)]
    return physics.State(
        **{name: np.stack([np.asarray(getattr(s, name)) for s in states]) for name in fields}
    )


def test_a_native_replay_ends_where_the_engine_ends(
    hand_model, parameters_for, targets_for, monkeypatch
):
    num_envs = 8
    batches = []

    def remembered(*arguments):
        batches.append(raw_batch(*arguments))
        return batches[-1]

    raw_batch = raw.Batch
    monkeypatch.setattr(raw, "Batch", remembered)
    engine = physics.NativeEngine(hand_model)
    parameters, state = parameters_for(hand_model, num_envs), targets_for(hand_model, num_envs)
    after, _ = engine.step(parameters, state, 10)
    end, _ = engine.step(parameters, after, 10)
    replay = physics.raw_replay(engine, parameters, _recorded([state, after]), 10)
    replay()
    np.testing.assert_allclose(batches[0].bind("qpos"), end.qpos, atol=1e-6)
    assert np.abs(np.asarray(end.qpos) - np.asarray(after.qpos)).max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mjx-jax", "mjx-warp"])
def test_mjx_replays(name, untouched_model, untouched_engine, parameters_for, targets_for):
    engine = untouched_engine(name)
    parameters = physics.derive(untouched_model, parameters_for(untouched_model, 4))
    states = [targets_for(untouched_model, 4)] * 3
    physics.raw_replay(engine, parameters, _recorded(states), 10)()
