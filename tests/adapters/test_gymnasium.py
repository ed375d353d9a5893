"""The task by Gymnasium's interfaces, under Gymnasium's own checker."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium", reason="needs the extra gymnasium")
from gymnasium.utils.env_checker import check_env  # noqa: E402

from dactyl_jax.adapters import gymnasium as adapter  # noqa: E402

SMALL = {"engine": "native", "env__bank_size": 8}


@pytest.fixture(scope="module")
def env():
    return gymnasium.make_vec("dactyl_jax/Block-v0", num_envs=6, env__goal_timeout_s=0.4, **SMALL)


def test_gymnasium_finds_the_tasks_by_name():
    names = {f"dactyl_jax/{name}-v0" for name in adapter.TASKS}
    assert names <= gymnasium.registry.keys()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_gymnasium_s_checker_is_content():
    single = gymnasium.make("dactyl_jax/Block-v0", disable_env_checker=True, **SMALL)
    check_env(single.unwrapped, skip_render_check=True)


def test_shapes_and_seeds(env):
    seen, info = env.reset(seed=3)
    assert seen in env.observation_space and info == {}
    again, _ = env.reset(seed=3)
    np.testing.assert_array_equal(seen, again)
    other, _ = env.reset()
    assert np.any(other != seen)
    assert env.action_space.sample().shape == (6, 20)


def test_it_is_the_task(env):
    """Rewards and observations are those of the environment itself."""
    task = env.unwrapped.env
    seen, _ = env.reset(seed=5)
    state = task.reset(jax.random.split(jax.random.key(5))[1])
    np.testing.assert_allclose(seen, state.observation.policy, atol=1e-6)
    env.action_space.seed(0)
    action = env.action_space.sample()
    seen, reward, *_, info = env.step(action)
    state, outcome = jax.jit(task.step)(state, jnp.asarray(action))
    np.testing.assert_allclose(seen, state.observation.policy, atol=1e-5)
    np.testing.assert_allclose(reward, outcome.reward, atol=1e-5)
    np.testing.assert_allclose(info["distance"], outcome.distance, atol=1e-5)


def test_episodes_that_end_start_again_in_the_same_step(env):
    env.reset(seed=0)
    middle = np.full((6, 20), 5)
    for _ in range(4):
        _, _, terminated, truncated, info = env.step(middle)
        assert not (terminated | truncated).any() and "final_obs" not in info
    seen, _, terminated, truncated, info = env.step(middle)  # 0.4 s
    assert truncated.any() and not (terminated & truncated).any()
    np.testing.assert_array_equal(info["_final_obs"], terminated | truncated)
    for i in np.flatnonzero(truncated):
        assert info["final_obs"][i] in env.single_observation_space
        assert np.any(info["final_obs"][i] != seen[i])


def test_a_step_before_the_first_reset_is_refused():
    fresh = adapter.VectorEnv("block", num_envs=1, **SMALL)
    with pytest.raises(gymnasium.error.ResetNeeded, match="reset"):
        fresh.step(np.full((1, 20), 5))
