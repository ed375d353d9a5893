import functools

import jax
import numpy as np
import pytest

from dactyl_jax.learning import Trainer
from tests.learning import toy


@functools.cache
def _trained(memory: bool) -> dict[str, float]:
    """Returns metrics after 40 iterations of the task that needs memory."""
    config = toy.config()
    config.network.memory = config.network.value_memory = memory
    trainer = Trainer(config, toy.Recall(), toy.initial_curriculum(), toy.update_curriculum)
    state = trainer.initial_state()
    for _ in range(40):
        state, metrics = trainer.iteration(state)
    assert trainer.steps(state) == 40 * 16 * 64
    assert trainer._iteration._cache_size() == 1, "an iteration must be compiled once"
    return jax.device_get(metrics)


def test_memory_solves_a_task_that_needs_it():
    metrics = _trained(memory=True)
    assert metrics["reward"] > 0.9
    assert metrics["explained_variance"] > 0.1


def test_without_memory_the_task_stays_unsolved():
    """Only an episode's first step shows the cue: of 4.5 steps, 1 + 3.5 / 3 can be right."""
    assert 0.3 < _trained(memory=False)["reward"] < 0.6


def test_metrics_are_scalars_that_agree_with_each_other():
    metrics = _trained(memory=True)
    assert all(np.shape(value) == () for value in metrics.values())
    assert metrics["skipped_updates"] == 0
    assert metrics["goals_per_episode"] > 2.5
    np.testing.assert_allclose(
        metrics["goals_per_minute"], metrics["goals"] / (16 * 64 * 0.5 / 60), rtol=1e-5
    )


def test_the_curriculum_is_told_the_counts():
    config = toy.config()
    trainer = Trainer(config, toy.Recall(), toy.initial_curriculum(), toy.update_curriculum)
    state, metrics = trainer.iteration(trainer.initial_state())
    np.testing.assert_allclose(metrics["goal_distance"], 0.9)
    np.testing.assert_allclose(
        state.curriculum.goal_distance, 0.9 + 1e-3 * metrics["goals"], rtol=1e-6
    )
    # Scalar counters are metrics; tables are only for the curriculum.
    assert metrics["full_goals"] == metrics["goals"] > 0
    assert "right_and_left" not in metrics


def test_steps_count_on_from_those_of_another_run():
    trainer = Trainer(
        toy.config(),
        toy.Recall(),
        toy.initial_curriculum(),
        toy.update_curriculum,
        steps_before=10**12,
    )
    assert trainer.steps(trainer.initial_state()) == 10**12


def test_a_horizon_of_broken_chunks_is_refused():
    with pytest.raises(ValueError, match=r"config\.ppo\.horizon is 12; it must be a multiple"):
        Trainer(
            toy.config(horizon=12), toy.Recall(), toy.initial_curriculum(), toy.update_curriculum
        )
