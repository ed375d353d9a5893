"""The report on a session's trials: the paper's table, how trials ended, timing, and a plot."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

import numpy as np

from hardware.trials.trial import ENDS, Result

_MEANING = {
    "drop": "the object left the palm, or was leaving it when it went out of sight",
    "time-out": "a goal took too long while the object still turned",
    "stuck": "a goal took too long and the object hardly turned any more",
    "cap": "all goals reached",
    "fault": "the guard held the hand",
    "stop": "somebody stopped it",
}
_WIDTH, _ROW, _LEFT, _TOP = 720, 26, 60, 40  # of the plot, in pixels
_COLOURS = {
    **{"drop": "#c0392b", "time-out": "#d68910", "stuck": "#7d6608"},
    **{"cap": "#1e8449", "fault": "#6c3483", "stop": "#566573"},
}


def table(results: Sequence[Result], control_dt: float) -> str:
    """Goals in a row, as in Table 3 of OpenAI (2018), and how all trials ended.

    The figures are mean and standard deviation over trials, median, and all trials, best first.
    They leave out trials that never began or that a person stopped. A trial that ended with a fault
    counts with the goals that it reached, because an object out of sight may have fallen.

    Args:
        results: results of the trials, at least one.
        control_dt: duration of a control step, s.
    """
    played = [result for result in results if result.steps and result.end != "stop"]
    lines = [
        "| goals in a row, mean | median | trials, best first | time a goal |",
        "| --- | --- | --- | --- |",
    ]
    if played:
        lines.append(_row(played, control_dt))
    if len(played) < len(results):
        left_out = f"{len(results) - len(played)} of {len(results)} trials"
        lines += ["", f"left out: {left_out}, which never began or were stopped"]
    lines += ["", "trials ended by:"]
    for end in ENDS:
        number = sum(result.end == end for result in results)
        if number:
            lines.append(f"  {number} {end}: {_MEANING[end]}")
    return "\n".join(lines)


def _row(played: Sequence[Result], control_dt: float) -> str:
    """The table's row, for trials that count."""
    counts = np.array([result.goals for result in played])
    deviation = counts.std(ddof=1) if len(counts) > 1 else 0.0
    trials = ", ".join(str(count) for count in sorted(counts, reverse=True))
    took = sum(result.steps_to_last_goal for result in played) * control_dt
    pace = f"{took / counts.sum():.1f} s" if counts.sum() else "no goal"
    return f"| {counts.mean():.1f} +- {deviation:.1f} | {np.median(counts):g} | {trials} | {pace} |"


def timing(late: Sequence[float], jitter: Sequence[float], computing: Sequence[float]) -> str:
    """A line on the control steps' lateness, period error and computing time.

    Args:
        late: lateness of each control step, s.
        jitter: absolute error of each period, s.
        computing: time from readings to command in each step, s.
    """
    if not jitter:
        return "fewer than two control steps were run"
    return (
        f"{len(late)} control steps; median, p99, max: late {_spread(late)}; period off by "
        f"{_spread(jitter)}; computing {_spread(computing)}"
    )


def looking(took: Sequence[float]) -> str:
    """A line on the time from pictures to pose estimate, given each one in s."""
    if not took:
        return "no pose was estimated from pictures"
    return f"{len(took)} poses estimated from pictures; median, p99, max: {_spread(took)}"


def plot(results: Sequence[Result]) -> str:
    """Draws an SVG with a bar per trial: its length is the goals, its colour how the trial ended.

    The SVG is written as text, because the robot host has no plotting library.
    """
    most = max(max(result.goals for result in results), 1)
    height = _TOP + _ROW * len(results) + 30
    svg = ElementTree.Element(
        "svg",
        xmlns="http://www.w3.org/2000/svg",
        width=str(_WIDTH),
        height=str(height),
        style="font: 13px sans-serif; background: white",
    )
    _text(svg, _LEFT, 22, "goals in a row, by trial; the colour says how it ended")
    for row, result in enumerate(results):
        top = _TOP + _ROW * row
        _text(svg, 12, top + 15, str(row + 1))
        length = (_WIDTH - _LEFT - 150) * result.goals / most
        bar = {"x": _LEFT, "y": top, "width": max(length, 2), "height": _ROW - 8}
        ElementTree.SubElement(
            svg,
            "rect",
            {name: f"{value:g}" for name, value in bar.items()},
            fill=_COLOURS[result.end],
        )
        _text(svg, _LEFT + max(length, 2) + 8, top + 15, f"{result.goals}, {result.end}")
    return ElementTree.tostring(svg, encoding="unicode") + "\n"


def _spread(seconds: Sequence[float]) -> str:
    """Median, 99th percentile and maximum, in ms."""
    return ", ".join(f"{1000 * np.percentile(seconds, q):.2f}" for q in (50, 99, 100)) + " ms"


def _text(parent: ElementTree.Element, x: float, y: float, words: str) -> None:
    ElementTree.SubElement(parent, "text", x=f"{x:g}", y=f"{y:g}").text = words
