"""Statistics of trials: consecutive goals, and goals and drops per environment-minute."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import bootstrap

from dactyl_jax.evaluation.trials import Trials

YEAR = 365.25 * 24 * 3600  # s
_RESAMPLES = 4000
NEAR = 0.9  # rad; `near` goals lie 0.5 to 0.9 rad away


def goal_distance(distribution: str, final: float) -> float:
    """The largest angle of a goal, in rad, for a named distribution.

    Args:
        distribution: `near`, `uniform` (over all orientations), `aligned` (upright poses), or
            `final`.
        final: largest goal angle of the run's last curriculum stage, rad.
    """
    return {"near": NEAR, "uniform": math.pi, "aligned": math.pi, "final": final}[distribution]


def summarize(trials: Trials, control_dt: float) -> dict[str, Any]:
    """Statistics as reported in the paper, and rates.

    Args:
        trials: trials that have all ended.
        control_dt: duration of a control step, s.

    Returns:
        `trials`; `goals` with mean, std (of the trials, not of their mean), median, max, per_trial;
        `goals_per_minute` and `drops_per_minute` of environment time; `seconds_per_goal`, the mean
        time per reached goal, None without goals; the number of trials that ended with `drops`,
        `timeouts`, `caps`, and `diverged`; `overflows`, the number of trials that exceeded the
        engine's capacity.
    """
    goals = np.asarray(trials.goals)
    minutes = float(np.sum(trials.steps)) * control_dt / 60
    reached = int(goals.sum())
    seconds_on_goals = float(np.sum(trials.steps_to_last_goal)) * control_dt
    drops, timeouts, diverged = (
        int(np.sum(ended)) for ended in (trials.dropped, trials.timed_out, trials.diverged)
    )
    return {
        "trials": int(goals.size),
        "goals": {
            "mean": float(goals.mean()),
            "std": float(goals.std(ddof=1)) if goals.size > 1 else 0.0,
            "median": float(np.median(goals)),
            "max": int(goals.max()),
            "per_trial": goals.tolist(),
        },
        "goals_per_minute": reached / minutes,
        "drops_per_minute": drops / minutes,
        "seconds_per_goal": seconds_on_goals / reached if reached else None,
        "drops": drops,
        "timeouts": timeouts,
        "caps": int(goals.size) - drops - timeouts - diverged,
        "diverged": diverged,
        "overflows": int(np.sum(trials.overflow)),
    }


def confidence_interval(
    values: Sequence[float], statistic: Callable[..., Any] = np.mean
) -> tuple[float, float]:
    """The 95% bootstrap interval of a statistic (percentiles of 9,999 resamples).

    The result is deterministic.

    Args:
        values: one per trial, at least two.
        statistic: takes an array and an `axis`.
    """
    return _bootstrap((values,), statistic)


def difference_interval(
    ours: Sequence[float], theirs: Sequence[float], *, paired: bool
) -> tuple[float, float]:
    """The 95% bootstrap interval of the difference of two means.

    Args:
        ours, theirs: one value per trial each, at least two.
        paired: whether trial n is the same in both.
    """
    if paired:
        return _bootstrap((np.subtract(ours, theirs),), np.mean)

    def difference(ours, theirs, axis):
        return np.mean(ours, axis=axis) - np.mean(theirs, axis=axis)

    return _bootstrap((ours, theirs), difference)


def mean_over_runs(runs: Sequence[Sequence[float]]) -> tuple[float, float, float]:
    """The mean over several runs' trials, and its 95% bootstrap interval.

    Runs are resampled, and trials within each: the interval covers what another run would give. For
    a single run it covers only its trials.

    Args:
        runs: values by run, one per trial, with equally many trials each.

    Returns:
        Mean, lower end, upper end.
    """
    low, high = np.percentile(_resampled_means(runs, np.random.default_rng(0)), (2.5, 97.5))
    return float(np.mean(runs)), float(low), float(high)


def ratio_over_runs(
    ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]
) -> tuple[float, float, float]:
    """The ratio of two means, and its 95% bootstrap interval, resampled as in `mean_over_runs`.

    Returns:
        Ratio, lower end, upper end; infinite where the second mean is 0, NaN where both are.
    """
    rng = np.random.default_rng(0)
    above, below = _resampled_means(ours, rng), _resampled_means(theirs, rng)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.float64(np.mean(ours)) / np.mean(theirs)
        low, high = np.percentile(above / below, (2.5, 97.5), method="nearest")
    return float(value), float(low), float(high)


def ratio_of_sums(ours: ArrayLike, theirs: ArrayLike) -> tuple[float, float, float]:
    """The ratio of two sums over the same units, such as hands, and its 95% bootstrap interval.

    Units are resampled together with both of their values.

    Args:
        ours, theirs: `[units]`, not negative.

    Returns:
        Ratio, lower end, upper end; infinite where the second sum is 0.
    """
    values = np.stack([np.asarray(ours, float), np.asarray(theirs, float)])
    count = values.shape[1]
    chosen = np.random.default_rng(0).integers(count, size=(_RESAMPLES, count))
    low, high = np.percentile(_ratio(*values[:, chosen]), (2.5, 97.5), method="nearest")
    return float(_ratio(*values)), float(low), float(high)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    total = below.sum(axis=-1)
    return np.where(total > 0, above.sum(axis=-1) / np.where(total > 0, total, 1), np.inf)


def _resampled_means(runs: Sequence[Sequence[float]], rng: np.random.Generator) -> np.ndarray:
    values = np.asarray(runs, float)
    count, trials = values.shape
    chosen = rng.integers(count, size=(_RESAMPLES, count, 1))
    return values[chosen, rng.integers(trials, size=(_RESAMPLES, count, trials))].mean(axis=(1, 2))


def _bootstrap(samples: Sequence[ArrayLike], statistic: Callable[..., Any]) -> tuple[float, float]:
    data = tuple(np.asarray(values, float) for values in samples)
    result = bootstrap(data, statistic, method="percentile", rng=np.random.default_rng(0))
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def histogram(goals: list[int], width: int = 40) -> list[str]:
    """Lines of text, one per range of goals, with a bar proportional to its share of the trials."""
    edges = [0, 1, 2, 3, 5, 10, 20, 30, 40, 50]
    edges = [edge for edge in edges if edge <= max(goals)] + [max(*goals, edges[-1]) + 1]
    counts = np.histogram(goals, bins=sorted(set(edges)))[0]
    lines = []
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        top = min(high - 1, max(goals))
        name = f"{low}" if low >= top else f"{low}-{top}"
        bar = "#" * round(width * count / len(goals))
        lines.append(f"{name:>6} goals {count:>5} {bar}".rstrip())
    return lines
