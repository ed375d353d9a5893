import numpy as np
import pytest

from hardware import actions

LIMITS = np.array([[-1.0, 1.0], [0.0, 3.0]])
COUPLING = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
ANGLES = np.array([0.2, 0.4, 0.5])


def test_a_relative_bin_is_a_share_of_half_the_range_about_the_actuators_angle():
    to_targets = actions.ActionMap("relative", 11, 1.0, LIMITS, COUPLING)
    result = to_targets.targets(np.array([7, 6]), ANGLES, np.zeros(2))
    np.testing.assert_allclose(result, [0.2 + 0.4, 0.9 + 0.3], rtol=1e-6)


def test_an_absolute_bin_is_a_share_about_the_middle_whatever_the_angle():
    to_targets = actions.ActionMap("absolute", 11, 1.0, LIMITS, COUPLING)
    for angles in (ANGLES, -ANGLES):
        result = to_targets.targets(np.array([0, 10]), angles, np.zeros(2))
        np.testing.assert_allclose(result, [-1.0, 3.0], rtol=1e-6)


def test_targets_are_clipped_before_they_are_smoothed():
    to_targets = actions.ActionMap("relative", 11, 0.3, LIMITS, COUPLING)
    result = to_targets.targets(np.array([10, 0]), ANGLES, np.array([0.5, 1.0]))
    np.testing.assert_allclose(result, [0.5 + 0.3 * (1.0 - 0.5), 1.0 + 0.3 * (0 - 1.0)], rtol=1e-6)


def test_samples_follow_the_softmax():
    logits = np.log(np.array([[0.1, 0.7], [0.6, 0.2], [0.3, 0.1]]))
    rng = np.random.default_rng(0)
    drawn = np.array([actions.sample(logits, rng.uniform(size=2)) for _ in range(20_000)])
    for actuator, law in enumerate(np.exp(logits).T):
        share = np.bincount(drawn[:, actuator], minlength=3) / len(drawn)
        np.testing.assert_allclose(share, law, atol=0.015)


@pytest.mark.parametrize("uniform", [0.0, np.nextafter(np.float32(1), np.float32(0))])
def test_samples_stay_within_the_bins(uniform):
    logits = np.random.default_rng(0).normal(size=(11, 20)).astype(np.float32)
    drawn = actions.sample(logits, np.full(20, uniform, np.float32))
    assert ((drawn >= 0) & (drawn <= 10)).all()


def test_the_most_probable_bin():
    logits = np.zeros((11, 20))
    logits[np.arange(20) % 11, np.arange(20)] = 1
    np.testing.assert_array_equal(actions.most_probable(logits), np.arange(20) % 11)
