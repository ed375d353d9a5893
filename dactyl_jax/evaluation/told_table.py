"""Table of the same trials with different sources of the object's pose."""

import itertools
from collections.abc import Mapping
from typing import Any

from dactyl_jax.evaluation import tables
from dactyl_jax.evaluation.statistics import difference_interval

_LABELS = {
    "state": "the simulator's sensors",
    "warp": "the network, images of the ray tracer",
    "gl": "the network, images of OpenGL, never trained on",
}


def told_markdown(record: Mapping[str, Any]) -> str:
    """Renders the tables of a record of such trials, with provenance.

    Args:
        record: as `experiments.report` builds it from several results of `experiments.evaluate`.
    """
    results = {_way(each): each for each in record["results"]}
    first = record["results"][0]
    lines = [
        f"{first['trials']} trials, the same for all sources, {first['goal_distribution']} goals, "
        f"{first['goal_timeout_s']:g} s per goal, randomisation: {first['randomization']}, seed "
        f"{first['seed']}.",
        "",
        *tables.head(
            [
                "source of the block's pose",
                "goals in a row: mean ± standard deviation (median)",
                "95% interval of the mean",
                "dropped, timed out, at the cap",
                "s per goal",
            ]
        ),
    ]
    for way, result in results.items():
        goals = result["goals"]
        low, high = goals["mean_interval"]
        cells = (
            way,
            f"{goals['mean']:.1f} ± {goals['std']:.1f} ({goals['median']:g})",
            f"[{low:.1f}, {high:.1f}]",
            f"{result['drops']}, {result['timeouts']}, {result['caps']}",
            f"{result['seconds_per_goal']:.1f}",
        )
        lines.append(tables.line(cells))
    lines += ["", *tables.head(["difference of means, paired by trial", "goals, 95% interval"])]
    for (other, theirs), (way, ours) in itertools.combinations(results.items(), 2):
        samples = [each["goals"]["per_trial"] for each in (ours, theirs)]
        low, high = difference_interval(*samples, paired=True)
        mean = ours["goals"]["mean"] - theirs["goals"]["mean"]
        gain = f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"
        lines.append(tables.line([f"{way}, minus {other}", gain]))
    commit = (record["commit"] or "unknown")[:7]
    made = f"Made on {record['date']} at commit `{commit}` on {record['machine']}."
    return "\n".join([*lines, "", made])


def _way(result: Mapping[str, Any]) -> str:
    """The source of the pose and its latency."""
    label = _LABELS[result["renderer"] if result["pose"] == "vision" else "state"]
    steps = result["pose_latency"]
    return f"{label}, {steps} step{'s' * (steps > 1)} late" if steps else label
