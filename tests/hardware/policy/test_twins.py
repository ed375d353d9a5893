"""Code that exists twice, in training and for the robot host, gives the same results."""

import numpy as np
import pytest

pytest.importorskip("jax")

import jax
import jax.numpy as jnp

from dactyl_jax import config as config_lib
from dactyl_jax import hand
from dactyl_jax.envs import actions as training
from dactyl_jax.envs import goals as training_goals
from dactyl_jax.envs import observation as training_observation
from hardware.base import rotations
from hardware.policy import actions, observation
from hardware.trials.goals import RandomGoals

HANDS, STEPS = 30, 60


@pytest.fixture(scope="module")
def layout():
    return hand.layout(hand.load_model())


@pytest.mark.parametrize("mode", ["relative", "absolute"])
@pytest.mark.parametrize("kept", [0.0, 0.3, 0.3**0.5, 0.9])
def test_averages_and_targets_are_equal_in_every_bit(layout, mode, kept):
    """Compares them for random actions from an episode's start, compiled as in a roll-out."""

    @jax.jit
    def play(bins, angles):
        def step(average, given):
            action, joint_angles = given
            average = training.average(kept, average, training.unit_action(action))
            return average, (
                average.value,
                average.weight,
                training.targets(layout, mode, average.value, joint_angles),
            )

        return jax.lax.scan(step, training.no_average(HANDS), (bins, angles))[1]

    bins, angles = drawn()
    values, weights, targets = map(np.asarray, play(bins, angles))
    ours = actions.ActionMap(mode, 11, "action", kept, layout.ctrl_range, layout.coupling)
    for row in range(HANDS):
        average = ours.begin()
        for step in range(STEPS):
            asked, average = ours.step(bins[step, row], angles[step, row], np.zeros(20), average)
            np.testing.assert_array_equal(average.value, values[step, row])
            np.testing.assert_array_equal(average.weight, weights[step, row])
            np.testing.assert_array_equal(asked, targets[step, row])
            assert asked.dtype == average.value.dtype == average.weight.dtype == np.float32


@pytest.mark.parametrize("mode", ["relative", "absolute"])
@pytest.mark.parametrize("kept", [0.0, 0.7, 0.7**0.5])
def test_smoothed_targets_are_equal_in_every_bit(layout, mode, kept):
    @jax.jit
    def play(bins, angles):
        def step(before, given):
            action, joint_angles = given
            unit = training.unit_action(action)
            wanted = training.targets(layout, mode, unit, joint_angles)
            after = training.smoothed_targets(kept, wanted, before)
            return after, after

        return jax.lax.scan(step, jnp.zeros((HANDS, 20)), (bins, angles))[1]

    bins, angles = drawn()
    targets = np.asarray(play(bins, angles))
    ours = actions.ActionMap(mode, 11, "target", kept, layout.ctrl_range, layout.coupling)
    for row in range(HANDS):
        before = np.zeros(20, np.float32)
        for step in range(STEPS):
            before, average = ours.step(bins[step, row], angles[step, row], before, ours.begin())
            np.testing.assert_array_equal(before, targets[step, row])
            assert not average.value.any() and not average.weight


def drawn():
    """Bins `[step, hand, 20]` and joint angles `[step, hand, 24]` rad."""
    rng = np.random.default_rng(0)
    bins = rng.integers(0, 11, (STEPS, HANDS, 20)).astype(np.int32)
    return bins, rng.uniform(-0.3, 1.6, (STEPS, HANDS, 24)).astype(np.float32)


@pytest.mark.parametrize("kind", ["paper", "proprioceptive"])
@pytest.mark.parametrize("smoothed", ["action", "target"])
def test_every_part_that_a_policy_sees_is_known(kind, smoothed):
    env = config_lib.default().env
    env.policy_observation, env.smoothed = kind, smoothed
    names = [part.name for part in training_observation.policy_parts(env)]
    if (kind, smoothed) == ("proprioceptive", "action"):
        assert names == list(observation.NAMES)
    assert set(names) <= set(observation.NAMES)


def test_aligned_goals_are_those_of_the_training():
    """Each goal of one source is a rotation about the palm's normal from a goal of the other."""
    source = RandomGoals("aligned", 0.5, seed=0)
    none = np.array([1.0, 0.0, 0.0, 0.0])
    ours = np.array([source.draw(0, number, none) for number in range(100)])
    keys = jax.random.split(jax.random.key(0), 100)
    theirs = training_goals.draw(keys, jnp.tile(jnp.array(none), (100, 1)), jnp.pi, "aligned")
    theirs = np.asarray(theirs, float)
    for these, those in ((ours, theirs), (theirs, ours)):
        between = rotations.multiply(these[:, None], rotations.conjugate(those))
        off_the_normal = np.linalg.norm(between[..., 2:], axis=-1)
        assert off_the_normal.min(axis=1).max() < 1e-6
