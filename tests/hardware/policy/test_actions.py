import numpy as np
import pytest

from hardware.policy import actions
from hardware.policy.controller import action_map

LIMITS = np.array([[-1.0, 1.0], [0.0, 3.0]])
COUPLING = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
ANGLES = np.array([0.2, 0.4, 0.5])


KINDS = ("action", "target")


def make(mode="relative", smoothed="action", kept=0.0):
    return actions.ActionMap(mode, 11, smoothed, kept, LIMITS, COUPLING)


@pytest.mark.parametrize("smoothed", KINDS)
def test_a_relative_bin_is_a_share_of_half_the_range_about_the_actuators_angle(smoothed):
    to_targets = make(smoothed=smoothed)
    result, _ = to_targets.step(np.array([7, 6]), ANGLES, np.zeros(2), to_targets.begin())
    np.testing.assert_allclose(result, [0.2 + 0.4, 0.9 + 0.3], rtol=1e-6)


@pytest.mark.parametrize("smoothed", KINDS)
def test_an_absolute_bin_is_a_share_about_the_middle_whatever_the_angle(smoothed):
    to_targets = make("absolute", smoothed)
    for angles in (ANGLES, -ANGLES):
        result, _ = to_targets.step(np.array([0, 10]), angles, np.zeros(2), to_targets.begin())
        np.testing.assert_allclose(result, [-1.0, 3.0], rtol=1e-6)


def test_an_average_begins_at_the_first_action_and_then_keeps_its_share():
    """Repeats the actions -1 and 1, then takes 1 and -1."""
    to_targets = make("absolute", kept=0.3)
    average, before = to_targets.begin(), np.full(2, 0.5)
    np.testing.assert_array_equal(average.value, [0, 0])
    weights = []
    for _ in range(40):
        targets, average = to_targets.step(np.array([0, 10]), ANGLES, before, average)
        np.testing.assert_allclose(average.value, [-1, 1], rtol=1e-6)
        np.testing.assert_allclose(targets, [-1.0, 3.0], rtol=1e-6)
        weights.append(average.weight)
    np.testing.assert_allclose(weights[:3], [0.7, 0.91, 0.973], rtol=1e-6)
    for expected in (0.4, 0.82, 0.946):  # 0.7 - 0.3, 0.7 + 0.3 * 0.4, 0.7 + 0.3 * 0.82
        targets, average = to_targets.step(np.array([10, 0]), ANGLES, before, average)
        np.testing.assert_allclose(average.value, [expected, -expected], rtol=1e-5)
        np.testing.assert_allclose(targets, [expected, 1.5 - 1.5 * expected], rtol=1e-5)


def test_the_second_of_two_actions_weighs_more():
    """The average is (0.21 * 1 + 0.7 * (-1)) / 0.91, where 0.21 is 0.3 * 0.7."""
    to_targets = make(kept=0.3)
    _, average = to_targets.step(np.array([10, 5]), ANGLES, np.zeros(2), to_targets.begin())
    _, after = to_targets.step(np.array([0, 5]), ANGLES, np.zeros(2), average)
    np.testing.assert_allclose(after.value, [-0.49 / 0.91, 0], rtol=1e-6)
    np.testing.assert_allclose(average.value, [1, 0])  # not changed in place


def test_averages_ask_for_targets_about_the_angle_now():
    """The targets do not depend on earlier ones."""
    to_targets = make(kept=0.3)
    for before in (np.zeros(2), np.ones(2)):
        targets, average = to_targets.step(np.array([7, 6]), ANGLES, before, to_targets.begin())
        np.testing.assert_allclose(targets, [0.2 + 0.4, 0.9 + 0.3], rtol=1e-6)
        targets, _ = to_targets.step(np.array([7, 6]), ANGLES + 0.1, targets, average)
        np.testing.assert_allclose(targets, [0.3 + 0.4, 1.1 + 0.3], rtol=1e-6)


def test_targets_are_clipped_before_they_are_smoothed():
    to_targets = make(smoothed="target", kept=0.7)
    begun = to_targets.begin()
    result, average = to_targets.step(np.array([10, 0]), ANGLES, np.array([0.5, 1.0]), begun)
    np.testing.assert_allclose(result, [0.5 + 0.3 * (1.0 - 0.5), 1.0 + 0.3 * (0 - 1.0)], rtol=1e-6)
    assert average is begun


def test_targets_of_averages_are_clipped():
    to_targets = make(kept=0.3)
    result, _ = to_targets.step(np.array([10, 0]), ANGLES, np.zeros(2), to_targets.begin())
    np.testing.assert_array_equal(result, [1.0, 0.0])


@pytest.mark.parametrize(("control_dt", "kept"), [(0.08, 0.3), (0.04, 0.3**0.5), (0.16, 0.09)])
def test_what_is_kept_is_of_80_ms(contents, control_dt, kept):
    contents.contract["control_dt"] = control_dt
    assert contents.contract["action"]["smoothing_kept"] == 0.3
    _, average = action_map(contents).step(
        np.full(20, 10), np.zeros(24), np.zeros(20), action_map(contents).begin()
    )
    assert average.weight == pytest.approx(1 - kept)


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
