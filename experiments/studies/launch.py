"""Training processes, sequential or parallel, each on its share of the machine."""

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import jax

from dactyl_jax.errors import UserError
from experiments.training.signals import stop_signals

_POLL_S = 0.2


@dataclass(frozen=True)
class Job:
    """One run to train.

    Attributes:
        name: name of the run, for messages.
        arguments: arguments of `experiments.train`.
        log: file for the process's output.
    """

    name: str
    arguments: Sequence[str]
    log: Path


def train_all(jobs: Sequence[Job], parallel: int) -> bool:
    """Trains every job in a separate process.

    A signal to this process stops the running jobs after their current iteration, with a
    checkpoint. If this process is killed (SIGKILL), they run to completion.

    Args:
        jobs: jobs, in starting order.
        parallel: number of jobs to train in parallel; they share the CPUs or use one accelerator
            each.

    Returns:
        True if all jobs finished; False after a signal.

    Raises:
        UserError: a job failed, or there are too few CPUs or accelerators. The other jobs are
            stopped.
    """
    free: queue.SimpleQueue[_Share] = queue.SimpleQueue()
    for share in _shares(parallel):
        free.put(share)
    failed: list[str] = []

    def train(job: Job) -> None:
        share = free.get()
        try:
            if not stop.is_set():
                problem = _train(job, share, stop)
                if problem:
                    failed.append(problem)
                    stop.set()
        finally:
            free.put(share)

    with stop_signals() as stop, ThreadPoolExecutor(parallel) as pool:
        for _ in pool.map(train, jobs):
            pass
    if failed:
        raise UserError(failed[0])
    return not stop.is_set()


@dataclass(frozen=True)
class _Share:
    """The resources of one process: CPUs, or an accelerator's number."""

    cpus: frozenset[int] | None = None
    accelerator: int | None = None


def _shares(parallel: int) -> list[_Share]:
    if jax.default_backend() != "cpu":
        if parallel == 1:
            return [_Share()]
        if parallel > jax.local_device_count():
            raise UserError(
                f"--parallel={parallel}: there are {jax.local_device_count()} devices; lower it"
            )
        return [_Share(accelerator=number) for number in range(parallel)]
    if parallel == 1 or not hasattr(os, "sched_setaffinity"):
        return [_Share()] * parallel
    cpus = sorted(os.sched_getaffinity(0))
    if parallel > len(cpus):
        raise UserError(
            f"--parallel={parallel}: there are {len(cpus)} CPUs for this process; lower it"
        )
    return [_Share(cpus=frozenset(cpus[i::parallel])) for i in range(parallel)]


def _train(job: Job, share: _Share, stop: threading.Event) -> str | None:
    """Trains one run; returns an error message, or None."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    environment = dict(os.environ)
    if share.accelerator is not None:
        environment["CUDA_VISIBLE_DEVICES"] = str(share.accelerator)
    if share.cpus is not None:
        os.sched_setaffinity(0, share.cpus)  # this thread and its child process
    with job.log.open("w", encoding="utf-8") as log:
        # In a new session, so that Ctrl-C reaches the process once, through this one.
        process = subprocess.Popen(
            [sys.executable, "-m", "experiments.train", *job.arguments],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        while process.poll() is None:
            if stop.wait(_POLL_S):
                process.terminate()
                process.wait()
    if process.returncode == 0 or stop.is_set():
        return None
    lines = job.log.read_text(encoding="utf-8").strip().splitlines()
    reason = lines[-1] if lines else f"exit status {process.returncode}"
    return f"{job.name} failed: {reason} ({job.log})"
