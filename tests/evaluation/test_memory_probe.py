"""The linear probe, on memories with known content."""

import numpy as np
import pytest

from dactyl_jax.evaluation import memory_probe

EPISODES = 600


@pytest.fixture
def recorded():
    """Returns memories that encode the size from the second moment on, and nothing else."""
    rng = np.random.default_rng(0)
    hidden = {
        name: rng.uniform(0.5, 1.5, (EPISODES, count))
        for name, count in (("size", 1), ("mass", 1), ("friction", 1), ("gain", 20))
    }
    noise = rng.normal(size=(2, EPISODES, 16))
    memory = noise.copy()
    memory[1, :, 3] += 40 * hidden["size"][:, 0]
    going_on = np.ones((2, EPISODES), bool)
    going_on[1, :100] = False
    return {"memory": memory, "observation": noise, "going_on": going_on} | hidden


def test_it_reads_what_is_there_and_nothing_else(recorded):
    result = memory_probe.probe(recorded, [0.1, 5.0])
    assert result["seconds"] == [0.1, 5.0]
    assert result["episodes"] == [600, 500]
    size = result["memory"]["size"]
    assert size["accuracy"][1] > 0.95 and size["r2"][1] > 0.95
    nothing = [result["memory"][name]["accuracy"][1] for name in ("mass", "friction", "gain")]
    nothing += [size["accuracy"][0], result["observation"]["size"]["accuracy"][1]]
    assert all(0.4 < accuracy < 0.6 for accuracy in nothing)


def test_a_moment_with_few_episodes_is_left_open(recorded):
    recorded["going_on"][1, 40:] = False
    result = memory_probe.probe(recorded, [0.1, 5.0])
    assert result["memory"]["mass"]["accuracy"][1] is None
    record = {"variant": "lstm", "episodes": EPISODES, "runs": [result]}
    assert memory_probe.table(record)[2].endswith("| too few |")


def test_the_same_model_is_never_on_both_sides():
    """With one model per fold, its number can be memorised but not predicted."""
    rng = np.random.default_rng(0)
    model = np.repeat(np.arange(50), 12)
    features, targets = np.eye(50)[model], rng.normal(size=(50, 1))[model]
    guess = memory_probe.out_of_fold(features, targets, model % 5)
    assert ((guess - targets) ** 2).mean() > 0.9 * targets.var()


def test_ridge_regression_is_that_of_the_normal_equations():
    rng = np.random.default_rng(1)
    x, new = rng.normal(size=(80, 6)), rng.normal(size=(5, 6))
    y = x @ rng.normal(size=(6, 2)) + 0.01 * rng.normal(size=(80, 2))
    expected = new @ np.linalg.solve(x.T @ x + 0.01 * np.eye(6), x.T @ y)
    np.testing.assert_allclose(memory_probe._ridge(x, y, new), expected, atol=1e-10)
