"""The curriculum's goal distance grows with success, up to uniform goals."""

import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax import config as config_lib
from dactyl_jax.envs import curriculum


def _run(rate, iterations, minutes=25.0):
    config = config_lib.default()
    state = curriculum.initial(config)
    distances = []
    for _ in range(iterations):
        state = curriculum.update(
            config, state, jnp.float32(rate * minutes), jnp.float32(minutes), {}
        )
        distances.append(float(state.goal_distance))
    return distances


def test_widens_by_the_growth_while_the_rate_holds():
    np.testing.assert_allclose(_run(9.0, 3), [0.99, 1.089, 1.1979], rtol=1e-5)


def test_stays_while_the_rate_is_too_low():
    assert _run(7.9, 5) == pytest.approx([0.9] * 5)


def test_ends_at_pi():
    assert _run(9.0, 30)[-1] == pytest.approx(np.pi)


def test_short_iterations_are_judged_together():
    # 20 environment-minutes make a window: four iterations of 5 minutes.
    np.testing.assert_allclose(
        _run(9.0, 8, minutes=5.0), [0.9] * 3 + [0.99] * 4 + [1.089], rtol=1e-5
    )


def test_disabled_means_uniform_goals():
    config = config_lib.default()
    config.curriculum.enabled = False
    assert float(curriculum.initial(config).goal_distance) == pytest.approx(np.pi)


@pytest.mark.parametrize(("reached", "start"), [(0.0, 0.9), (0.7, 0.9), (2.0, 2.0), (9.0, np.pi)])
def test_starts_where_a_teacher_had_come_to(reached, start):
    state = curriculum.initial(config_lib.default(), reached)
    assert float(state.goal_distance) == pytest.approx(start)
