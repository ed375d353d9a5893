import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax.learning import PolicyAgent, RandomAgent, ZeroAgent, normalization
from dactyl_jax.learning.networks import Network

NETWORK = Network(
    inputs=4, outputs=220, dense=(8,), lstm=6, memory=True, activation="elu", head_scale=1.0
)
AGENT = PolicyAgent(
    NETWORK.initial_parameters(jax.random.key(0)), normalization.initial((4,)), NETWORK, 20, 11
)
OBSERVATION = jax.random.normal(jax.random.key(1), (3, 4))
FIRST = jnp.array([True, True, False])
KEYS = jax.random.split(jax.random.key(2), 3)


@pytest.mark.parametrize("agent", [AGENT, ZeroAgent(20, 11), RandomAgent(20, 11)])
def test_agents_share_one_interface(agent):
    act = jax.jit(lambda agent, *arguments: agent.act(*arguments))
    action, carry = act(agent, OBSERVATION, agent.initial_carry(3), FIRST, KEYS)
    assert action.shape == (3, 20)
    assert action.dtype == jnp.int32
    assert ((action >= 0) & (action < 11)).all()
    assert jax.tree.structure(carry) == jax.tree.structure(agent.initial_carry(3))


def test_greedy_takes_the_most_probable_bins():
    carry = AGENT.initial_carry(3)
    logits, _ = AGENT.logits(OBSERVATION, carry, FIRST)
    action, _ = AGENT.act(OBSERVATION, carry, FIRST, None)
    np.testing.assert_array_equal(action, np.argmax(logits, axis=1))


def test_the_memory_carries_over_until_an_episode_starts():
    _, carry = AGENT.act(OBSERVATION, AGENT.initial_carry(3), FIRST, None)
    again, _ = AGENT.logits(OBSERVATION, carry, FIRST)
    fresh, _ = AGENT.logits(OBSERVATION, AGENT.initial_carry(3), FIRST)
    np.testing.assert_allclose(again[:2], fresh[:2], atol=1e-6)
    assert np.abs(again[2] - fresh[2]).max() > 1e-3


def test_zero_holds_the_middle_bin():
    action, _ = ZeroAgent(20, 11).act(OBSERVATION, (), FIRST, None)
    np.testing.assert_array_equal(action, np.full((3, 20), 5))


def test_random_is_uniform_and_needs_keys():
    agent = RandomAgent(20, 11)
    keys = jax.random.split(jax.random.key(3), 2000)
    action, _ = agent.act(jnp.zeros((2000, 4)), (), jnp.zeros(2000, bool), keys)
    np.testing.assert_allclose(np.bincount(action.ravel()) / action.size, 1 / 11, atol=0.005)
    with pytest.raises(ValueError, match="no greedy action"):
        agent.act(OBSERVATION, (), FIRST, None)
