import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax.learning import PolicyAgent, Trainer, categorical, normalization, ppo
from dactyl_jax.learning.networks import Network
from dactyl_jax.learning.rollout import initial_actors, rollout
from tests.learning import toy

_SURE = 4.0  # log-odds with which the teacher presses the right bin


def _teacher():
    """Returns a hand-made teacher without memory; it sees the cue and presses its bin."""
    network = Network(5, 6, (3,), 3, memory=False, activation="relu", head_scale=1.0)
    parameters = network.initial_parameters(jax.random.key(0))
    parameters = jax.tree.map(jnp.zeros_like, parameters)
    parameters["dense"][0]["kernel"] = jnp.eye(5, 3)
    parameters["dense"][1]["kernel"] = jnp.eye(3)
    parameters["head"]["kernel"] = _SURE * jnp.repeat(jnp.eye(3), 2, axis=1)
    return PolicyAgent(parameters, normalization.initial((5,)), network, 2, 3)


def _trainer(teacher, **imitation):
    config = toy.config()
    config.imitation.update({"iterations": 20, "learning_rate": 1e-2, **imitation})
    curriculum = toy.initial_curriculum()
    env = toy.Recall(informed=True)
    return Trainer(config, env, curriculum, toy.update_curriculum, teacher)


def _run(trainer, iterations):
    state, rows = trainer.initial_state(), []
    for _ in range(iterations):
        state, metrics = trainer.iteration(state)
        rows.append(jax.device_get(metrics))
    return state, rows


def test_a_student_with_memory_learns_what_its_teacher_sees():
    """The student sees the cue only at the first step; the teacher sees it at all steps."""
    _, rows = _run(_trainer(_teacher()), 20)
    right = np.exp(_SURE) / (np.exp(_SURE) + 2)
    assert rows[0]["imitation_loss"] > 1.0
    assert rows[-1]["imitation_loss"] < 0.1
    assert rows[0]["reward"] < 0.2
    np.testing.assert_allclose(
        rows[-1]["reward"], right**2, atol=0.05
    )  # as uncertain as the teacher
    assert all(row["learning_rate"] == np.float32(1e-2) for row in rows)


def test_then_reinforcement_goes_on_alone():
    trainer = _trainer(_teacher(), iterations=10)
    _, rows = _run(trainer, 40)
    assert "imitation_loss" in rows[9]
    assert "imitation_loss" not in rows[10]
    assert rows[10]["learning_rate"] == np.float32(5e-3)
    assert rows[-1]["reward"] > 0.97, "it must become surer than its teacher"


def test_the_value_function_learns_from_the_first():
    """The student still acts at random at times, so returns vary by more than chance."""
    _, rows = _run(_trainer(_teacher()), 5)
    assert rows[0]["explained_variance"] < 0.1
    assert rows[-1]["explained_variance"] > 0.15


def test_advice_is_the_teachers_where_the_student_is():
    network = Network(5, 6, (8,), 4, memory=True, activation="tanh", head_scale=1.0)
    parameters = network.initial_parameters(jax.random.key(3))
    teacher = PolicyAgent(parameters, normalization.initial((5,)), network, 2, 3)
    trainer = _trainer(teacher)
    learner = ppo.initial_learner(trainer.config, trainer.networks, jax.random.key(0))
    actors = initial_actors(
        trainer.networks, trainer.env.reset(jax.random.key(1), 8, 0.9), 8, teacher
    )
    after, trajectory, _ = rollout(
        trainer.env,
        trainer.networks,
        learner.parameters,
        learner.normalizers,
        actors,
        jax.random.split(jax.random.key(2), 8),
        2,
        8,
        teacher,
    )
    flat = lambda x: x.reshape(16, *x.shape[2:])  # noqa: E731
    output, carry = network.apply(
        parameters,
        teacher.statistics,
        flat(trajectory.value_observation),
        flat(trajectory.first),
        network.initial_carry(8),
    )
    expected = categorical.log_probabilities(categorical.split(output, 3))
    np.testing.assert_allclose(flat(trajectory.advice), expected, atol=1e-5)
    np.testing.assert_allclose(after.teacher_carry[0], carry[0], atol=1e-5)


def test_a_teacher_that_sees_something_else_is_refused():
    network = dataclasses.replace(_teacher().network, inputs=4)
    blind = PolicyAgent(
        network.initial_parameters(jax.random.key(0)), normalization.initial((4,)), network, 2, 3
    )
    with pytest.raises(ValueError, match="The teacher sees 4 numbers, the value function 5"):
        _trainer(blind)
