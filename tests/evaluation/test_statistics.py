"""Statistics of four trials, checked by hand."""

import math

import numpy as np
import pytest

from dactyl_jax.evaluation import (
    Trials,
    confidence_interval,
    difference_interval,
    goal_distance,
    histogram,
    summarize,
)


def trials(goals, steps, last, dropped=(), timed_out=(), diverged=()):
    count = len(goals)

    def at(indices):
        return np.isin(np.arange(count), indices)

    return Trials(
        ended=np.ones(count, bool),
        steps=np.array(steps, np.int32),
        goals=np.array(goals, np.int32),
        steps_to_last_goal=np.array(last, np.int32),
        dropped=at(dropped),
        timed_out=at(timed_out),
        diverged=at(diverged),
        overflow=at(()),
    )


def test_summary_of_four_trials():
    # 750 control steps of 80 ms are one minute.
    result = summarize(
        trials([0, 2, 4, 50], [50, 200, 250, 250], [0, 100, 250, 250], [0], [1], [2]), 0.08
    )
    assert result["trials"] == 4
    assert result["goals"]["mean"] == 14.0
    assert result["goals"]["median"] == 3.0
    assert result["goals"]["max"] == 50
    assert result["goals"]["per_trial"] == [0, 2, 4, 50]
    assert result["goals"]["std"] == pytest.approx(math.sqrt((196 + 144 + 100 + 1296) / 3))
    assert result["goals_per_minute"] == pytest.approx(56.0)
    assert result["drops_per_minute"] == pytest.approx(1.0)
    assert result["seconds_per_goal"] == pytest.approx(600 * 0.08 / 56)
    ends = [result[name] for name in ("drops", "timeouts", "diverged", "caps")]
    assert ends == [1, 1, 1, 1]


def test_no_goal_has_no_time_and_one_trial_no_spread():
    result = summarize(trials([0], [100], [0], [0]), 0.08)
    assert result["seconds_per_goal"] is None
    assert result["goals"]["std"] == 0.0
    assert result["goals_per_minute"] == 0.0


def test_goal_distributions():
    assert goal_distance("near", 2.0) == 0.9
    assert goal_distance("final", 2.0) == 2.0
    assert goal_distance("uniform", 2.0) == goal_distance("aligned", 2.0) == math.pi


def test_histogram_counts_every_trial_once():
    lines = histogram([0, 0, 1, 4, 50])
    counts = [int(line.split()[2]) for line in lines]
    assert sum(counts) == 5
    assert lines[0].split()[:3] == ["0", "goals", "2"]
    assert lines[-1].split()[:3] == ["50", "goals", "1"]
    assert histogram([0, 0])[0].split()[:3] == ["0", "goals", "2"]
    assert len(histogram([0, 0])) == 1


def test_interval_of_a_mean_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(100):
        low, high = confidence_interval(rng.normal(5.0, 2.0, 50))
        covered += low < 5.0 < high
        assert high - low == pytest.approx(2 * 1.96 * 2.0 / math.sqrt(50), rel=0.5)
    assert 88 <= covered <= 99


def test_intervals_are_repeatable_and_those_of_equal_trials_are_points():
    values = [0, 1, 2, 3, 50]
    assert confidence_interval(values) == confidence_interval(values)
    assert confidence_interval(values, np.median) == (0.0, 50.0)
    assert confidence_interval([3, 3, 3]) == (3.0, 3.0)


def test_difference_of_pairs_leaves_out_what_trials_share():
    rng = np.random.default_rng(1)
    shared = rng.normal(0, 10, 40)
    ours, theirs = shared + 2 + rng.normal(0, 0.1, 40), shared
    low, high = difference_interval(ours, theirs, paired=True)
    assert 1.9 < low < 2.0 < high < 2.1
    low, high = difference_interval(ours, theirs, paired=False)
    assert low < -1 and high > 5
