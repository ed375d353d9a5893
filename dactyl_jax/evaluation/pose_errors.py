"""What errors of estimated poses show: their statistics, alone and against occlusion and doubt."""

import itertools
from typing import Any

import numpy as np

_OCCLUSIONS = (0.0, 0.2, 0.4, 0.6, 1.0)  # shares between which frames are put together


def statistics(rotation: np.ndarray, position: np.ndarray) -> dict[str, dict[str, float]]:
    """Median, mean and standard deviation.

    Args:
        rotation: errors in orientation, `[n]` rad.
        position: errors in position, `[n]` m.
    """
    return {
        name: {
            "median": float(np.median(values)),
            "mean": float(np.mean(values)),
            "std": float(np.std(values)),
        }
        for name, values in (
            ("rotation_deg", np.degrees(rotation)),
            ("position_mm", 1000 * np.asarray(position)),
        )
    }


def by_occlusion(
    rotation: np.ndarray, position: np.ndarray, occlusion: np.ndarray
) -> list[dict[str, Any]]:
    """Median errors of frames by how much of the object is hidden, `[n]` 0 to 1, in rising order.

    Shares between which there is no frame are left out.
    """
    rows = []
    for low, high in itertools.pairwise(_OCCLUSIONS):
        inside = (occlusion >= low) & ((occlusion < high) | (high == 1.0))
        if inside.any():
            medians = statistics(rotation[inside], position[inside])
            rows.append(
                {
                    "from": low,
                    "to": high,
                    "frames": int(inside.sum()),
                    "rotation_deg": medians["rotation_deg"]["median"],
                    "position_mm": medians["position_mm"]["median"],
                }
            )
    return rows


def by_doubt(rotation: np.ndarray, doubt: np.ndarray) -> list[dict[str, float]]:
    """Median error in orientation of each third of the frames by the doubt, `[n]` rad, told."""
    order = np.argsort(doubt)
    return [
        {
            "doubt_deg": float(np.degrees(np.median(doubt[part]))),
            "rotation_deg": float(np.degrees(np.median(rotation[part]))),
        }
        for part in np.array_split(order, 3)
        if len(part)
    ]
