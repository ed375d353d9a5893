"""Statistics of pose estimation errors, overall and by occlusion and uncertainty."""

from typing import Any

import numpy as np

from dactyl_jax.vision.estimator import LARGEST_DOUBT

_FIFTHS = 5
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)  # of the uncertainty


def statistics(rotation: np.ndarray, position: np.ndarray) -> dict[str, dict[str, float]]:
    """Median, mean, standard deviation and 99th percentile of pose errors.

    Args:
        rotation: errors in orientation, `[n]` rad.
        position: errors in position, `[n]` m.
    """
    return {
        name: {
            "median": float(np.median(values)),
            "mean": float(np.mean(values)),
            "std": float(np.std(values)),
            "99%": float(np.quantile(values, 0.99)),
        }
        for name, values in (
            ("rotation_deg", np.degrees(rotation)),
            ("position_mm", 1000 * np.asarray(position)),
        )
    }


def by_occlusion(
    rotation: np.ndarray, position: np.ndarray, occlusion: np.ndarray
) -> list[dict[str, Any]]:
    """Median errors in each fifth of the frames by occlusion, `[n]` 0 to 1.

    In ascending order, each with the lowest and the highest occluded fraction in it.
    """
    rows = []
    for part in np.array_split(np.argsort(occlusion, kind="stable"), _FIFTHS):
        if len(part):
            medians = statistics(rotation[part], position[part])
            rows.append(
                {
                    "from": float(occlusion[part].min()),
                    "to": float(occlusion[part].max()),
                    "frames": len(part),
                    "rotation_deg": medians["rotation_deg"]["median"],
                    "position_mm": medians["position_mm"]["median"],
                }
            )
    return rows


def by_deviation(rotation: np.ndarray, deviation: np.ndarray) -> list[dict[str, float]]:
    """Median orientation error in each third of the frames by reported deviation, `[n]` rad."""
    order = np.argsort(deviation)
    return [
        {
            "deviation_deg": float(np.degrees(np.median(deviation[part]))),
            "rotation_deg": float(np.degrees(np.median(rotation[part]))),
        }
        for part in np.array_split(order, 3)
        if len(part)
    ]


def doubts(doubt: np.ndarray) -> dict[str, Any]:
    """Summarises a network's uncertainty about its estimates, `[n]` rad.

    Returns:
        The share of estimates above `LARGEST_DOUBT`, and quantiles in degrees by name, "50%" being
        the median.
    """
    return {
        "largest_rad": LARGEST_DOUBT,
        "over_largest": float(np.mean(doubt > LARGEST_DOUBT)),
        "quantiles_deg": {
            f"{100 * share:.0f}%": float(np.degrees(np.quantile(doubt, share)))
            for share in _QUANTILES
        },
    }


def doubt_sentence(row: dict[str, Any]) -> str:
    """One line that summarises a result of `doubts`."""
    return (
        f"uncertainty (doubt): median {row['quantiles_deg']['50%']:.0f} deg, above the "
        f"{row['largest_rad']:g} rad at which a robot rejects an estimate in "
        f"{100 * row['over_largest']:.1f}% of the estimates"
    )
