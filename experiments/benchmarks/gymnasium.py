"""Training speed compared with bare stepping of Gymnasium-Robotics' hand on the same cores."""

import os
import shutil
import statistics
import subprocess
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from dactyl_jax.cpus import available_cpus
from dactyl_jax.errors import UserError
from experiments import command_line
from experiments.benchmarks import sweep

_REQUIREMENTS = ("gymnasium-robotics==1.4.*", "mujoco==3.3.*")
_ROUNDS = 3
# Prints simulated seconds and physics steps per second.
_WORKER = """
import sys, time
import gymnasium, gymnasium_robotics
gymnasium.register_envs(gymnasium_robotics)
env = gymnasium.make("HandManipulateBlock-v1")
env.reset(seed=int(sys.argv[1]))
env.action_space.seed(int(sys.argv[1]))
physics, limit = env.unwrapped, float(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
steps, started = 0, time.perf_counter()
while time.perf_counter() - started < limit:
    *_, terminated, truncated, _ = env.step(env.action_space.sample())
    steps += 1
    if terminated or truncated:
        env.reset()
rate = steps * physics.n_substeps / (time.perf_counter() - started)
print(rate * physics.model.opt.timestep, rate)
"""


def compare(folder: Path, seconds: float, config: ConfigDict) -> dict[str, Any]:
    """Measures both in turn, prints the ratio and returns the measurements.

    Args:
        folder: virtual environment of Gymnasium-Robotics; created if it does not exist.
        seconds: length of each measurement of Gymnasium-Robotics.
        config: training configuration.

    Raises:
        UserError: the installation or one of the two programs failed.
    """
    python = _python(folder)
    overrides = command_line.device_overrides(config)
    ours, theirs = [], []
    for _ in range(_ROUNDS):
        theirs.append(_theirs(python, seconds))
        result = sweep.measure(config.engine, config.num_envs, [*overrides, "--mode=train"])
        if "error" in result:
            raise UserError(f"experiments.benchmark failed: {result['error']}")
        ours.append(result)
        print(
            f"Gymnasium-Robotics {theirs[-1][0]:.0f} simulated s/s, training here "
            f"{result['simulated_seconds_per_second']:.0f}",
            flush=True,
        )
    summary = _summary(ours, theirs)
    print(
        f"{summary['ratio']:.1f} times the simulated seconds per second, "
        f"{summary['physics_ratio']:.1f} times the physics steps, on {summary['device']}"
    )
    return summary


def _summary(
    ours: Sequence[dict[str, Any]], theirs: Sequence[tuple[float, float]]
) -> dict[str, Any]:
    def median(name: str) -> float:
        return statistics.median(result[name] for result in ours)

    seconds, steps = (statistics.median(values) for values in zip(*theirs, strict=True))
    return {
        "device": ours[0]["device"],
        "ours": list(ours),
        "gymnasium_robotics": {
            "environment": "HandManipulateBlock-v1",
            "processes": available_cpus(),
            "simulated_seconds_per_second": seconds,
            "physics_steps_per_second": steps,
            "turns": theirs,
        },
        "ratio": median("simulated_seconds_per_second") / seconds,
        "physics_ratio": median("physics_steps_per_second") / steps,
    }


def _theirs(python: Path, seconds: float) -> tuple[float, float]:
    """Returns simulated seconds and physics steps per second, with one process per core."""
    workers = [
        subprocess.Popen(
            [python, "-W", "ignore", "-c", _WORKER, str(seed), str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        for seed in range(available_cpus())
    ]
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout.readline()  # ready
    totals = [0.0, 0.0]
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        output, errors = worker.communicate()
        if worker.returncode:
            last = (errors.strip().splitlines() or ["no message"])[-1]
            raise UserError(f"Gymnasium-Robotics failed ({last}); remove its --venv and retry")
        totals = [a + float(b) for a, b in zip(totals, output.split()[-2:], strict=True)]
    return totals[0], totals[1]


def _python(folder: Path) -> Path:
    """Returns the virtual environment's interpreter; installs Gymnasium-Robotics if missing."""
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"Installing {', '.join(_REQUIREMENTS)} in {folder} ...", flush=True)
        venv.create(folder, with_pip=True)
        command = [str(python), "-m", "pip", "install", "--quiet", *_REQUIREMENTS]
        if subprocess.run(command, check=False).returncode:
            shutil.rmtree(folder)
            raise UserError(f"--venv: pip could not install into {str(folder)!r}; see above")
    return python
