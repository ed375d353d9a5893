import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax.learning import categorical, normalization
from dactyl_jax.learning.networks import Network

DESIGN = Network(
    inputs=4, outputs=6, dense=(8, 5), lstm=3, memory=True, activation="relu", head_scale=1.0
)


def _run(design, observation, first, carry=None):
    parameters = design.initial_parameters(jax.random.key(0))
    statistics = normalization.initial((design.inputs,))
    if carry is None:
        carry = design.initial_carry(observation.shape[1])
    return design.apply(parameters, statistics, observation, first, carry)


def _observation(time, envs):
    return jax.random.normal(jax.random.key(1), (time, envs, DESIGN.inputs))


def test_agrees_with_the_equations_of_an_lstm():
    parameters = jax.tree.map(
        lambda x: np.asarray(x, np.float64), DESIGN.initial_parameters(jax.random.key(0))
    )
    observation = np.asarray(_observation(3, 1), np.float64)
    hidden, cell = np.zeros((1, 3)), np.zeros((1, 3))
    for x in observation:
        for layer in parameters["dense"].values():
            x = np.maximum(x @ layer["kernel"] + layer["bias"], 0.0)
        memory = parameters["memory"]
        gates = x @ memory["input"]["kernel"] + memory["input"]["bias"]
        gates = gates + hidden @ memory["recurrent"]["kernel"]
        i, f, g, o = np.split(gates, 4, axis=-1)
        sigmoid = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        hidden = sigmoid(o) * np.tanh(cell)
    expected = hidden @ parameters["head"]["kernel"] + parameters["head"]["bias"]
    output, carry = _run(DESIGN, jnp.asarray(observation, jnp.float32), jnp.zeros((3, 1), bool))
    np.testing.assert_allclose(output[-1], expected, atol=1e-6)
    np.testing.assert_allclose(carry[0], hidden, atol=1e-6)
    np.testing.assert_allclose(carry[1], cell, atol=1e-6)


@pytest.mark.parametrize("memory", [True, False])
def test_one_step_at_a_time_equals_a_whole_chunk(memory):
    design = dataclasses.replace(DESIGN, memory=memory)
    observation = _observation(6, 2)
    first = jnp.zeros((6, 2), bool).at[3, 1].set(True)
    together, end = _run(design, observation, first)
    carry = design.initial_carry(2)
    for time in range(6):
        output, carry = _run(design, observation[time : time + 1], first[time : time + 1], carry)
        np.testing.assert_allclose(output[0], together[time], atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), carry, end)


def test_an_episode_start_empties_the_memory():
    observation = _observation(5, 1)
    whole, _ = _run(DESIGN, observation, jnp.zeros((5, 1), bool).at[2].set(True))
    fresh, _ = _run(DESIGN, observation[2:], jnp.zeros((3, 1), bool))
    np.testing.assert_allclose(whole[2:], fresh, atol=1e-6)
    through, _ = _run(DESIGN, observation, jnp.zeros((5, 1), bool))
    assert np.abs(through[2:] - fresh).max() > 1e-3


def test_initial_parameters():
    parameters = DESIGN.initial_parameters(jax.random.key(0))
    np.testing.assert_array_equal(
        parameters["memory"]["input"]["bias"], [0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    )
    for gate in np.split(np.asarray(parameters["memory"]["recurrent"]["kernel"]), 4, axis=1):
        np.testing.assert_allclose(gate @ gate.T, np.eye(3), atol=1e-6)
    assert [layer["kernel"].shape for layer in parameters["dense"].values()] == [(4, 8), (8, 5)]


def test_observations_are_normalized_inside():
    parameters = DESIGN.initial_parameters(jax.random.key(0))
    statistics = normalization.Statistics(jnp.float32(9.0), jnp.full(4, 3.0), jnp.full(4, 4.0))
    observation, first = _observation(2, 2), jnp.zeros((2, 2), bool)
    scaled, _ = DESIGN.apply(
        parameters, statistics, 3.0 + 2.0 * observation, first, DESIGN.initial_carry(2)
    )
    plain, _ = _run(DESIGN, observation, first)
    np.testing.assert_allclose(scaled, plain, atol=1e-5)


def test_an_ordinal_head_transforms_the_plain_output():
    observation, first = _observation(2, 2), jnp.zeros((2, 2), bool)
    plain, _ = _run(DESIGN, observation, first)
    ordinal, _ = _run(dataclasses.replace(DESIGN, ordinal_bins=3), observation, first)
    np.testing.assert_allclose(ordinal, categorical.ordinal(plain, 3), atol=1e-6)
    assert np.abs(ordinal - plain).max() > 0.1


def test_an_unknown_activation_is_refused():
    with pytest.raises(ValueError, match=r"config\.network\.activation is 'gelu'"):
        dataclasses.replace(DESIGN, activation="gelu")
