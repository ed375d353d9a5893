"""The benchmark over engines and numbers of environments, each pair in a separate process.

A fresh process gives each pair separate memory, compiled programs and start-up time.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax import evaluation
from dactyl_jax.errors import UserError
from experiments import command_line
from experiments.base import files


def run(values: flags.FlagValues, config: ConfigDict) -> dict[str, list[dict[str, Any]]]:
    """Measures every pair, prints a table and draws a plot.

    If a pair fails, its last line of output is reported and the sweep continues.

    Args:
        values: the flags.
        config: configuration of all pairs, except engine and number of environments.

    Returns:
        `{"runs": [...]}`: one result of the benchmark per pair, or an entry with an `error`.

    Raises:
        UserError: `--engine` or `--num_envs` is given, or `--envs` is not a list of whole numbers.
    """
    for flag, instead in (("engine", "engines"), ("num_envs", "envs")):
        if values[flag].present:
            raise UserError(f"--{flag}: a sweep takes --{instead}")
    if not all(number.isdigit() and int(number) for number in values.envs):
        raise UserError(
            f"--envs is {','.join(values.envs)}; it must be whole numbers, such as 256,512"
        )
    picture = files.check_output("plot", values.plot, [".png"]) if values.plot else None
    shared = command_line.device_overrides(config)
    shared += [f"--{name}={values[name].value}" for name in ("mode", "seconds")]
    runs = [
        measure(engine, int(number), shared) for engine in values.engines for number in values.envs
    ]
    print(_table(runs))
    measured = [run for run in runs if "error" not in run]
    if picture is not None and measured:
        evaluation.draw_throughput(measured, picture)
        print(f"Picture: {picture}")
    return {"runs": runs}


def measure(engine: str, num_envs: int, arguments: Sequence[str]) -> dict[str, Any]:
    """Runs the benchmark of one pair in a fresh process; on failure, returns an `error`."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "result.json"
        command = [sys.executable, "-m", "experiments.benchmark", *arguments]
        command += [f"--engine={engine}", f"--num_envs={num_envs}", f"--json={target}"]
        print(f"{engine}, {num_envs} environments ...", flush=True)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return json.loads(target.read_text())
    lines = (done.stderr or done.stdout).strip().splitlines() or [f"status {done.returncode}"]
    print(f"  failed: {lines[-1]}", flush=True)
    return {"engine": engine, "num_envs": num_envs, "error": lines[-1]}


def _table(runs: Sequence[dict[str, Any]]) -> str:
    """Formats a Markdown table, one row per pair; device memory in MB, or host memory if none."""
    rows = [
        "| engine | environments | control steps/s | simulated s/s | physics steps/s | of bare "
        "stepping | memory | compiled in | first result after |",
        "| --- " * 9 + "|",
    ]
    for run in runs:
        if "error" in run:
            rows.append(f"| {run['engine']} | {run['num_envs']} | {run['error']} |" + " |" * 6)
            continue
        memory = run["device_memory_bytes"] or run["host_memory_bytes"]
        rows.append(
            f"| {run['engine']} | {run['num_envs']} | {run['control_steps_per_second']:,.0f} "
            f"| {run['simulated_seconds_per_second']:,.0f} "
            f"| {run['physics_steps_per_second']:,.0f} | {run['ratio_to_raw']:.2f} "
            f"| {memory / 1e6:,.0f} MB | {run['compile_s']:.0f} s | {run['start_up_s']:.0f} s |"
        )
    return "\n".join(rows)
