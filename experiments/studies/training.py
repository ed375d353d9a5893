"""Trains the unfinished runs of a study, each in a separate process."""

from collections.abc import Sequence
from pathlib import Path

from dactyl_jax.errors import UserError
from experiments import command_line
from experiments.runs import policies
from experiments.runs.workdir import WorkDirectory
from experiments.studies import launch
from experiments.studies.design import Run


def train(planned: Sequence[Run], logs: Path, parallel: int) -> bool:
    """Trains the unfinished runs; returns whether all runs are finished."""
    due = [each for each in planned if not _trained(each)]
    print(f"{len(planned)} runs, {len(due)} of them to train.", flush=True)
    jobs = []
    for each in due:
        arguments = [
            f"--workdir={each.folder}",
            "--noreport",
            *command_line.device_overrides(each.config),
        ]
        jobs.append(launch.Job(each.name, arguments, logs / f"{each.name}.log"))
    # A run that received a signal directly exits with status 0, but early.
    return launch.train_all(jobs, parallel) and all(_trained(each) for each in due)


def _trained(each: Run) -> bool:
    return iterations(each) == each.config.run.max_iterations


def iterations(each: Run) -> int:
    """Returns a run's number of finished iterations; waits for a process that trains it.

    Raises:
        UserError: the directory holds another run, or the run is longer than planned.
    """
    workdir = WorkDirectory(each.folder)
    if not workdir.check(each.config):
        return 0
    with workdir.lock(wait=True):
        try:
            done = policies.load_policy(str(each.folder)).iteration
        except ValueError:  # stopped before its first checkpoint
            return 0
    if done > each.config.run.max_iterations:
        raise UserError(
            f"--steps: the run in {str(each.folder)!r} has {done} iterations, the plan has only "
            f"{each.config.run.max_iterations}; increase --steps or choose another --workdir"
        )
    return done
