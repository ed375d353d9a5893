"""Progress display of a training run: a live panel on a terminal, plain lines elsewhere."""

import math
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

_LINE_EVERY = 15.0  # s between plain lines
_WINDOW = 100  # iterations over which goals per failure are averaged


class Progress:
    """Context manager that shows the latest iteration.

    Args:
        max_minutes: limit of the whole run; 0: no limit.
        max_iterations: limit of the whole run; 0: no limit.
        columns: maps a row of metrics to displayed values by heading.
    """

    def __init__(
        self,
        max_minutes: float,
        max_iterations: int,
        columns: Callable[[dict[str, Any]], dict[str, str]] | None = None,
    ):
        self._columns = columns or _PolicyColumns()
        self._max_minutes = max_minutes
        self._max_iterations = max_iterations
        self._console = Console()
        self._live = Live(console=self._console, refresh_per_second=4, transient=False)
        self._printed = -math.inf
        self._first: tuple[int, float] | None = None

    def __enter__(self) -> "Progress":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def show(self, row: dict[str, Any]) -> None:
        """Shows one iteration's row of metrics."""
        share, left = self._share_and_left(row)
        shown = {"iteration": f"{row['iteration']}"}
        shown |= self._columns(row) | {"time left": _clock(left)}
        if self._console.is_terminal:
            self._live.update(_panel(shown, share))
        elif time.monotonic() - self._printed >= _LINE_EVERY:
            self._printed = time.monotonic()
            print(", ".join(f"{name} {value}" for name, value in shown.items()), flush=True)

    def _share_and_left(self, row: dict[str, Any]) -> tuple[float, float | None]:
        """Returns the finished share of the run and the remaining minutes, None if unlimited."""
        iteration, minutes = row["iteration"], row["wall_minutes"]
        shares, left = [0.0], []
        if self._max_minutes:
            shares.append(minutes / self._max_minutes)
            left.append(self._max_minutes - minutes)
        if self._first is None:
            self._first = iteration, minutes
        elif self._max_iterations:
            pace = (minutes - self._first[1]) / (iteration - self._first[0])
            left.append(pace * (self._max_iterations - iteration))
        if self._max_iterations:
            shares.append(iteration / self._max_iterations)
        return min(max(shares), 1.0), max(min(left), 0.0) if left else None


class _PolicyColumns:
    """Columns for policy training."""

    def __init__(self) -> None:
        self._full: deque[tuple[int, int]] = deque(maxlen=_WINDOW)  # goals and failures

    def __call__(self, row: dict[str, Any]) -> dict[str, str]:
        shown = {
            "steps": short(row["control_steps"]),
            "steps/s": f"{row['control_steps_per_second']:.0f}",
            "goals/min": f"{row['goals_per_minute']:.1f}",
            "drops/min": f"{row['drops_per_minute']:.2f}",
            "goals up to": f"{math.degrees(row['goal_distance']):.0f} deg",
        }
        if "full_goals" in row:
            self._full.append((row["full_goals"], row["full_failures"]))
            goals, failures = (sum(counts) for counts in zip(*self._full, strict=True))
            shown["full strength"] = f"{goals / max(failures, 1):.1f} goals/failure"
        for count in ("diverged", "overflow"):
            if row[count]:
                shown[count] = f"{row[count]:.0f}"
        return shown


def _panel(shown: dict[str, str], share: float) -> Group:
    table = Table(*shown, box=None, padding=(0, 2, 0, 0))
    for column in table.columns:
        column.justify = "right"
    table.add_row(*shown.values())
    return Group(ProgressBar(total=1.0, completed=share, width=80), table)


def short(count: int) -> str:
    """Formats a large number in few characters."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= unit:
            return f"{count / unit:.2f}{name}"
    return str(count)


def _clock(minutes: float | None) -> str:
    if minutes is None:
        return "no limit"
    seconds = round(minutes * 60)
    return f"{seconds // 60}:{seconds % 60:02d}"
