"""Tables and figures of a study: variants with several runs each, and their common settings.

A record is the content of NAME.json, as written by `experiments.studies`.
"""

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from dactyl_jax.evaluation import memory_probe, plotting, tables
from dactyl_jax.evaluation.plotting import BLUE, GREY
from dactyl_jax.evaluation.runs_comparison import RunCurve, draw_runs
from dactyl_jax.evaluation.statistics import mean_over_runs, ratio_over_runs

Record = Mapping[str, Any]


def study_markdown(record: Record) -> str:
    """All tables of a study, under its title."""
    return f"# {record['title']}\n\n{study_sections(record)}\n"


def study_sections(record: Record) -> str:
    """All tables of a study, each below a bold heading and its explanation."""
    lines = []
    for heading, text, rows in _sections(record):
        lines += [f"**{heading}.** {text}", "", *rows, ""]
    return "\n".join([*lines, _made(record)])


def study_pictures(record: Record) -> dict[str, Callable[[Path], None]]:
    """Functions that draw a study's figures to a path, by the ending of the file name."""
    curves = _curves(record)
    pictures: dict[str, Callable[[Path], None]] = {
        "": lambda path: draw_study(record, path),
        **{
            f"_{x}": functools.partial(draw_runs, curves, title=record["title"], x=x)
            for x in record["x"]
        },
    }
    if "probe" in record:
        pictures["_probe"] = lambda path: memory_probe.draw_probe(record["probe"], path)
    return pictures


def draw_study(record: Record, path: Path) -> None:
    """Draws a PNG, written atomically: a panel per test, a line per variant, a dot with its
    interval, and a small dot per run."""
    tests, variants = record["tests"], list(record["variants"].values())
    figure = Figure(figsize=(3.2 + 2.7 * len(tests), 1.5 + 0.45 * len(variants)), dpi=150)
    figure.set_layout_engine("constrained")
    figure.suptitle(record["title"], fontsize=11, fontweight="bold")
    panels = figure.subplots(1, len(tests), sharex=True, sharey=True, squeeze=False)[0]
    for panel, (name, test) in zip(panels, tests.items(), strict=True):
        panel.set_title(test["label"], fontsize=10)
        panel.set_xlabel("goals in a row")
        panel.grid(axis="x", alpha=0.25)
        panel.spines[["top", "right", "left"]].set_visible(False)
        panel.tick_params(axis="y", length=0)
        for y, variant in enumerate(variants):
            if y % 2:
                panel.axhspan(y - 0.5, y + 0.5, color="black", alpha=0.035, linewidth=0)
            samples = _goals(variant, name)
            mean, low, high = mean_over_runs(samples)
            panel.plot([low, high], [y, y], color=BLUE, linewidth=1.8)
            panel.plot(mean, y, "o", color=BLUE, markersize=6)
            if len(samples) > 1:
                means = [np.mean(goals) for goals in samples]
                panel.plot(means, [y + 0.22] * len(means), "o", color=GREY, markersize=3)
    panels[0].set_yticks(
        range(len(variants)),
        [f"{variant['label']}\n{_years(variant)} years" for variant in variants],
        fontsize=8,
    )
    panels[0].set_ylim(len(variants) - 0.5, -0.5)
    panels[0].set_xlim(left=0)
    several = any(len(variant["runs"]) > 1 for variant in variants)
    figure.supxlabel(
        f"Dots: means of {record['trials']} trials per run, with 95% intervals"
        + ("; grey: single runs" if several else ""),
        fontsize=8,
    )
    plotting.save(figure, path)


def _curves(record: Record) -> list[RunCurve]:
    curves = []
    for variant in record["variants"].values():
        for number, run in enumerate(variant["runs"], start=1):
            name = variant["label"] + (f"#{number}" if number > 1 else "")
            curves.append(RunCurve(name, run["control_dt"], run["curve"]))
    return curves


def _sections(record: Record) -> Iterator[tuple[str, str, list[str]]]:
    """Heading, explanation and table of each part."""
    yield "Goals in a row", _explanation(record), [*_results(record)]
    if record["pairs"]:
        yield (
            "Ratios",
            "Ratios of mean goals in a row, with 95% intervals from the same resampling.",
            [*_ratios(record)],
        )
    yield (
        "Pace",
        "Goals and drops per simulated minute of a hand in the trials; means over runs.",
        [*_pace(record)],
    )
    if "probe" in record:
        probe = record["probe"]
        yield "What the memory knows", memory_probe.explanation(probe), memory_probe.table(probe)
    yield (
        "Runs",
        "At the end of training: the curriculum's farthest goal, and goals and drops per "
        "simulated minute of a hand at that distance.",
        [*_runs(record)],
    )


def _explanation(record: Record) -> str:
    tests = "; ".join(
        f"*{test['label']}*: {test['goals']} goals, {test['goal_timeout_s']:g} s per goal"
        for test in record["tests"].values()
    )
    several = max(len(variant["runs"]) for variant in record["variants"].values()) > 1
    resampling = "runs, then trials within each" if several else "the trials of the one run"
    return (
        f"Mean, 95% bootstrap interval over {resampling}, and median, of {record['trials']} trials "
        f"per run with sampled actions, trial seed {record['trial_seed']}. {tests}. Years: "
        "simulated experience of a run, including that of the policy it started from."
    )


def _results(record: Record) -> Iterator[str]:
    tests = record["tests"]
    yield from tables.head(["variant", "runs", "years", *(t["label"] for t in tests.values())])
    for variant in record["variants"].values():
        cells = []
        for test in tests:
            samples = _goals(variant, test)
            mean, low, high = mean_over_runs(samples)
            cells.append(f"{mean:.2f} [{low:.2f}, {high:.2f}], {np.median(samples):g}")
        yield tables.line([variant["label"], str(len(variant["runs"])), _years(variant), *cells])


def _ratios(record: Record) -> Iterator[str]:
    variants, tests = record["variants"], record["tests"]
    yield from tables.head(["ratio", *(test["label"] for test in tests.values())])
    for ours, theirs in record["pairs"]:
        cells = []
        for test in tests:
            value, low, high = ratio_over_runs(
                _goals(variants[ours], test), _goals(variants[theirs], test)
            )
            cells.append(f"{value:.2f} [{low:.2f}, {high:.2f}]")
        yield tables.line([f"{variants[ours]['label']} / {variants[theirs]['label']}", *cells])


def _pace(record: Record) -> Iterator[str]:
    tests = record["tests"]
    yield from tables.head(
        ["variant", *(f"{test['label']}: goals, drops" for test in tests.values())]
    )
    for variant in record["variants"].values():
        cells = [
            f"{_mean(variant, test, 'goals_per_minute'):.1f}, "
            f"{_mean(variant, test, 'drops_per_minute'):.2f}"
            for test in tests
        ]
        yield tables.line([variant["label"], *cells])


def _runs(record: Record) -> Iterator[str]:
    tests = record["tests"]
    names = ("control steps", "years", "minutes", "farthest goal (degrees)", "goals, drops")
    yield from tables.head(
        ["run", "seed", *names, *(t["label"] for t in tests.values()), "commit", "device"]
    )
    for variant in record["variants"].values():
        for run in variant["runs"]:
            last = run["curve"][-1]
            cells = (
                f"`{run['name']}`",
                str(run["seed"]),
                f"{run['steps']:,}",
                f"{run['years']:.2g}",
                f"{run['wall_minutes']:.1f}",
                f"{math.degrees(last['goal_distance']):.0f}",
                f"{last['goals_per_minute']:.1f}, {last['drops_per_minute']:.2f}",
                *(f"{run['evaluations'][test]['goals']['mean']:.2f}" for test in tests),
                f"`{(run['commit'] or 'unknown')[:7]}`",
                str(run["machine"]),
            )
            yield tables.line(cells)


def _made(record: Record) -> str:
    commit = (record["commit"] or "unknown")[:7]
    return (
        f"`{record['command']}`: made on {record['date']} at commit `{commit}` on "
        f"{record['machine']} with the {record['engine']} engine."
    )


def _goals(variant: Mapping[str, Any], test: str) -> list[Sequence[int]]:
    """Consecutive goals of every trial, by run."""
    return [run["evaluations"][test]["goals"]["per_trial"] for run in variant["runs"]]


def _mean(variant: Mapping[str, Any], test: str, rate: str) -> float:
    return float(np.mean([run["evaluations"][test][rate] for run in variant["runs"]]))


def _years(variant: Mapping[str, Any]) -> str:
    return f"{max(run['years'] for run in variant['runs']):.2g}"
