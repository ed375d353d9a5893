"""Throughput figure: control steps per second against the number of environments."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from dactyl_jax.evaluation import plotting
from dactyl_jax.evaluation.plotting import BLUE, GREEN, GREY, RED


def draw_throughput(runs: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draws a PNG, written atomically: rates on the left, control step durations on the right.

    Args:
        runs: as written by `experiments.benchmark`: `engine`, `num_envs`,
            `control_steps_per_second`, `raw_control_steps_per_second`, `mode`, `device`.
        path: output file.
    """
    figure = Figure(figsize=(11, 4.6), dpi=130, layout="constrained")
    rates, times = figure.subplots(1, 2)
    modes, devices = ({run[name] for run in runs} for name in ("mode", "device"))
    figure.suptitle(f"{', '.join(sorted(modes))} on {', '.join(sorted(devices))}", fontsize=12)
    engines = list(dict.fromkeys(run["engine"] for run in runs))
    for engine, color in zip(engines, (BLUE, RED, GREEN), strict=False):
        ours = sorted(
            (run for run in runs if run["engine"] == engine), key=lambda run: run["num_envs"]
        )
        count = np.array([run["num_envs"] for run in ours])
        rate = np.array([run["control_steps_per_second"] for run in ours])
        bare = np.array([run["raw_control_steps_per_second"] for run in ours])
        rates.plot(count, rate, "o-", color=color, label=engine)
        rates.plot(count, bare, ".:", color=color, linewidth=1, label=f"{engine}, bare stepping")
        times.plot(count, 1e3 * count / rate, "o-", color=color, label=engine)
        times.plot(
            count, 1e3 * count / rate[-1], "--", color=GREY, linewidth=1, label=f"{engine}, linear"
        )
    rates.set_ylabel("control steps per second")
    rates.set_ylim(bottom=0)
    times.set_ylabel("one control step of all environments (ms)")
    times.set_yscale("log")
    counts = sorted({run["num_envs"] for run in runs})
    for panel in (rates, times):
        panel.set_xscale("log", base=2)
        panel.set_xticks(counts, [f"{number}" for number in counts])
        panel.set_xlabel("environments")
        panel.legend(fontsize=8, frameon=False)
        plotting.tidy(panel)
    plotting.save(figure, path)
