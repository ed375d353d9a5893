"""Comparison of many policies in many worlds: paired differences, a table and its figure."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure

from dactyl_jax.envs import EnvState, Outcome, Reorientation
from dactyl_jax.evaluation import plotting, tables
from dactyl_jax.evaluation.plotting import GREY
from dactyl_jax.evaluation.statistics import difference_interval

_COLOURS = ("#c8553d", "#1f6fb4", "#3a7d44", "#8a6bb1")  # one per time-out
_INK = "#333333"


class SoonerTimeout(Reorientation):
    """An environment whose goals time out sooner; it shares the bank of another environment.

    Only each environment's first episode is valid: a time-out that comes sooner does not start a
    new one.

    Args:
        env: environment whose bank is shared.
        goal_timeout_s: time limit of a goal in simulated seconds, at most that of `env`.
    """

    def __init__(self, env: Reorientation, goal_timeout_s: float):
        vars(self).update(vars(env))
        self.config = env.config.copy_and_resolve_references()
        self.config.env.goal_timeout_s = goal_timeout_s
        self._limit = round(goal_timeout_s / env.control_dt)

    def step(self, state: EnvState, action: jax.Array) -> tuple[EnvState, Outcome]:
        """See `Reorientation.step`."""
        state, outcome = super().step(state, action)
        late = ~outcome.done & (state.episode.goal_steps >= self._limit)
        return state, dataclasses.replace(
            outcome,
            done=outcome.done | late,
            truncated=outcome.truncated | late,
            timed_out=outcome.timed_out | late,
        )


def differences(
    rows: Sequence[Mapping[str, Any]], *, reference: str, transfer: tuple[str, str]
) -> list[dict[str, Any]]:
    """Differences of mean goals between cells, with their intervals.

    Cells of one world whose rows have the same task ran the same trials and are compared trial by
    trial.

    Args:
        rows: each with `name`, `task`, and `cells` with `world`, `goal_timeout_s` and `goals`; a
            task is a mapping with `env.object`, or None.
        reference: row with which all others on the same object are compared, world by world.
        transfer: two worlds; each row's result in the second is compared with the first.

    Returns:
        For each pair: its two cells, `of` and `against`, with `row` and `world`; `goal_timeout_s`;
        `paired`; the `mean` of `of` minus `against` and its 95% bootstrap `interval`.
    """
    cells = {
        (row["name"], cell["world"], cell["goal_timeout_s"]): cell["goals"]["per_trial"]
        for row in rows
        for cell in row["cells"]
    }
    tasks = {row["name"]: row["task"] for row in rows}
    result = []
    for (name, world, timeout), goals in cells.items():
        pairs = [(name, transfer[0])] if world == transfer[1] else []
        task, theirs = tasks[name], tasks.get(reference)
        if name != reference and theirs and task["env.object"] == theirs["env.object"]:
            pairs.append((reference, world))
        for other in pairs:
            if (*other, timeout) in cells:
                against = cells[*other, timeout]
                paired = world == other[1] and task == tasks[other[0]]
                result.append(
                    {
                        "of": {"row": name, "world": world},
                        "against": dict(zip(("row", "world"), other, strict=True)),
                        "goal_timeout_s": timeout,
                        "paired": paired,
                        "mean": float(np.mean(goals) - np.mean(against)),
                        "interval": difference_interval(goals, against, paired=paired),
                    }
                )
    return result


def markdown(table: Mapping[str, Any]) -> str:
    """Renders the table as Markdown.

    Args:
        table: contents of table.json, as written by `experiments.evaluate --suite`.
    """
    lines = [
        "# Consecutive goals",
        "",
        "Mean ± standard deviation (median) of the goals reached in a row before a drop or a "
        f"time-out, at most {table['max_goals']}, over {table['trials']} trials of uniformly "
        "random goals. Columns: the world, and the time limit of a goal in simulated seconds. "
        "Years: simulated experience.",
        "",
        *_results(table),
        "",
        "## Intervals and pace",
        "",
        "Intervals are 95% bootstrap intervals over trials. Minutes are simulated.",
        "",
        *_pace(table),
        "",
        "## Differences",
        "",
        "Differences of mean goals with 95% bootstrap intervals, paired by trial where hand, "
        "object and world are the same.",
        "",
        *_gains(table),
        "",
        f"Made on {table['date']} by `{table['command']}`: seed {table['seed']}, "
        f"{table['trials']} trials per cell, engine {table['engine']}.",
        "",
    ]
    return "\n".join(lines)


def _results(table: Mapping[str, Any]) -> Iterator[str]:
    columns = [(world, limit) for world in table["worlds"] for limit in table["goal_timeouts_s"]]
    yield from tables.head(
        ["policy", "", "years", *(f"{world}, {limit:g} s" for world, limit in columns)]
    )
    for row in table["rows"]:
        cells = _cells(row)
        results = [_goals(cells[column]) if column in cells else "not run" for column in columns]
        yield tables.line([f"`{row['name']}`", row["label"], _years(row["years"]), *results])


def _pace(table: Mapping[str, Any]) -> Iterator[str]:
    yield from tables.head(
        ["policy", "world", "s per goal", "mean", "median", "goals per minute", "drops per minute"]
    )
    for row, cell in _all_cells(table):
        goals = cell["goals"]
        columns = (
            f"`{row['name']}`",
            cell["world"],
            f"{cell['goal_timeout_s']:g}",
            f"{goals['mean']:.1f} {_interval(goals['mean_interval'])}",
            f"{goals['median']:g} {_interval(goals['median_interval'])}",
            f"{cell['goals_per_minute']:.1f}",
            f"{cell['drops_per_minute']:.2f}",
        )
        yield tables.line(columns)


def _gains(table: Mapping[str, Any]) -> Iterator[str]:
    timeouts = table["goal_timeouts_s"]
    yield from tables.head(
        ["policy", "world", "minus", *(f"{timeout:g} s" for timeout in timeouts)]
    )
    lines: dict[tuple[str, str, str], dict[float, str]] = {}
    for pair in table["differences"]:
        of, against = pair["of"], pair["against"]
        same = of["row"] == against["row"]
        less = f"world {against['world']}" if same else f"`{against['row']}`"
        gain = f"{pair['mean']:+z.1f} {_interval(pair['interval'], '+z')}"
        lines.setdefault((f"`{of['row']}`", of["world"], less), {})[pair["goal_timeout_s"]] = gain
    for names, gains in lines.items():
        yield tables.line([*names, *(gains[timeout] for timeout in timeouts)])


def draw_comparison(table: Mapping[str, Any], path: Path) -> None:
    """Draws a PNG, written atomically: a panel per world, a line per policy, a dot per cell.

    Args:
        table: contents of table.json, as written by `experiments.evaluate --suite`.
        path: output file.
    """
    rows, worlds, timeouts = table["rows"], table["worlds"], table["goal_timeouts_s"]
    figure = Figure(figsize=(3 + 2.7 * len(worlds), 1.6 + 0.42 * len(rows)), dpi=150)
    figure.set_layout_engine("constrained")
    panels = figure.subplots(1, len(worlds), sharex=True, sharey=True, squeeze=False)[0]
    offsets = np.linspace(-0.15, 0.15, len(timeouts)) if len(timeouts) > 1 else [0.0]
    for panel, world in zip(panels, worlds, strict=True):
        panel.set_title(f"world: {world}", fontsize=10)
        for y, row in enumerate(rows):
            if y % 2:
                panel.axhspan(y - 0.5, y + 0.5, color="black", alpha=0.035, linewidth=0)
            cells = _cells(row)
            for timeout, offset, colour in zip(timeouts, offsets, _COLOURS, strict=False):
                if (world, timeout) in cells:
                    goals = cells[world, timeout]["goals"]
                    low, high = goals["mean_interval"]
                    panel.plot([low, high], [y + offset] * 2, color=colour, linewidth=1.6)
                    panel.plot(goals["mean"], y + offset, "o", color=colour, markersize=5)
                    panel.plot(goals["median"], y + offset, "|", color=colour, markersize=9)
            if not cells:
                panel.annotate(
                    "not run",
                    (0.5, y),
                    xycoords=("axes fraction", "data"),
                    ha="center",
                    va="center",
                    fontsize=8,
                    color=GREY,
                )
    _finish(figure, panels, table)
    plotting.save(figure, path)


def _finish(figure: Figure, panels: Sequence[Any], table: Mapping[str, Any]) -> None:
    """Sets the axes, the row labels and the legend."""
    rows = table["rows"]
    for panel in panels:
        panel.set_xlabel("goals in a row")
        panel.grid(axis="x", alpha=0.25)
        panel.spines[["top", "right", "left"]].set_visible(False)
        panel.tick_params(axis="y", length=0)
    names = [
        row["label"] + (f"\n{_years(row['years'])} years" if row["years"] is not None else "")
        for row in rows
    ]
    panels[0].set_yticks(range(len(rows)), names, fontsize=8)
    for label, row in zip(panels[0].get_yticklabels(), rows, strict=True):
        label.set_color(_INK if row["cells"] else GREY)
    panels[0].set_ylim(len(rows) - 0.5, -0.5)
    goals = [cell["goals"] for _, cell in _all_cells(table)]
    farthest = max([1, *(max(g["mean_interval"][1], g["median"]) for g in goals)])
    panels[0].set_xlim(-0.04 * farthest, 1.04 * farthest)  # space for dots at both ends
    handles = [
        panels[0].plot([], [], "o-", color=colour, markersize=5, label=f"{timeout:g} s a goal")[0]
        for timeout, colour in zip(table["goal_timeouts_s"], _COLOURS, strict=False)
    ]
    handles += panels[0].plot([], [], "|", color=GREY, markersize=9, label="median")
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles),
        frameon=False,
        fontsize=9,
        title=f"Dots: means of {table['trials']} trials, with 95% intervals",
        title_fontsize=9,
    )


def _cells(row: Mapping[str, Any]) -> dict[tuple[str, float], Mapping[str, Any]]:
    return {(cell["world"], cell["goal_timeout_s"]): cell for cell in row["cells"]}


def _all_cells(table: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    for row in table["rows"]:
        for cell in row["cells"]:
            yield row, cell


def _goals(cell: Mapping[str, Any]) -> str:
    goals = cell["goals"]
    return f"{goals['mean']:.1f} ± {goals['std']:.1f} ({goals['median']:g})"


def _years(years: float | None) -> str:
    return "" if years is None else f"{years:.2g}"


def _interval(interval: Sequence[float], sign: str = "") -> str:
    low, high = interval
    return f"[{low:{sign}.1f}, {high:{sign}.1f}]"
