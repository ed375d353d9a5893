"""Trains a study's runs, each in a process of its own, as far as they are not trained yet."""

from collections.abc import Sequence
from pathlib import Path

from dactyl_jax.errors import UserError
from experiments import command_line
from experiments.runs import policies
from experiments.runs.workdir import WorkDirectory
from experiments.studies import launch
from experiments.studies.design import Run


def train(planned: Sequence[Run], logs: Path, parallel: int) -> bool:
    """Trains what is not trained yet; whether all is."""
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
    # A run that was sent a signal of its own ends well, and early.
    return launch.train_all(jobs, parallel) and all(_trained(each) for each in due)


def _trained(each: Run) -> bool:
    return iterations(each) == each.config.run.max_iterations


def iterations(each: Run) -> int:
    """How far a run has come; waits for a process that trains it.

    Raises:
        UserError: it is another run, or has gone further than it should.
    """
    workdir = WorkDirectory(each.folder)
    if not workdir.check(each.config):
        return 0
    with workdir.lock(wait=True):
        try:
            done = policies.load_policy(str(each.folder)).iteration
        except ValueError:  # it was stopped before its first checkpoint
            return 0
    if done > each.config.run.max_iterations:
        raise UserError(
            f"--steps: the run in {str(each.folder)!r} has {done} iterations behind it, more than "
            f"{each.config.run.max_iterations}; give more steps or choose another --workdir"
        )
    return done
