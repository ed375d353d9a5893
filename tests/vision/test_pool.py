"""The states from which frames are rendered."""

import numpy as np
import pytest

from dactyl_jax import config as config_lib
from dactyl_jax import hand
from dactyl_jax.envs import make_environment
from dactyl_jax.envs.drop import BOX
from dactyl_jax.learning import RandomAgent
from dactyl_jax.vision import pool as pool_lib


@pytest.fixture(scope="module")
def task():
    config = config_lib.default()
    config.engine, config.env.bank_size, config.randomization = "native", 4, "none"
    return config


@pytest.mark.slow
def test_states_are_of_episodes_and_falls_and_are_kept(task, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = []

    def prepare():
        env = make_environment(task)
        made.append(env)
        agent = RandomAgent(env.num_actuators, env.num_bins)
        return env, {"policy": agent, "random": agent}

    pool = pool_lib.collect(task, prepare, "x", count=400, seed=3)
    again = pool_lib.collect(task, prepare, "x", count=400, seed=3)
    assert len(made) == 1
    np.testing.assert_array_equal(pool.qpos, again.qpos)
    assert [int((pool.source == i).sum()) for i in range(3)] == [200, 100, 100]
    layout = hand.layout(made[0].engine.model)
    offset = pool.qpos[:, layout.object_qpos[:3]] - layout.palm_position
    assert (offset > BOX[:, 0] - 1e-5).all() and (offset < BOX[:, 1] + 1e-5).all()
    np.testing.assert_allclose(
        np.linalg.norm(pool.qpos[:, layout.object_qpos[3:]], axis=1), 1, atol=1e-4
    )
    falls, episodes = offset[pool.source == 2], offset[pool.source < 2]
    # Falls begin anywhere; episodes keep the object near the middle of the palm.
    assert (
        np.linalg.norm(falls[:, :2], axis=1).mean()
        > 1.5 * np.linalg.norm(episodes[:, :2], axis=1).mean()
    )
    assert len(np.unique(pool.qpos, axis=0)) > 380
