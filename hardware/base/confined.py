"""Runs a program of this package in a separate process, with limits on memory and time.

Programs that read untrusted files run here first. Whatever such a file does, be it a memory bomb,
an endless loop or a crash of a library, the user sees one line.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from hardware.base.errors import UserError

MEMORY = 500 * 2**20  # bytes that the process may allocate
SECONDS = 8  # of CPU time
_PATIENCE = 120.0  # s of wall-clock time, long because the machine may be busy
_START = (
    "import resource, runpy, sys\n"
    "memory, seconds, *sys.argv = map(str, sys.argv[1:])\n"
    "resource.setrlimit(resource.RLIMIT_DATA, (int(memory), int(memory)))\n"
    "resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 1))\n"
    "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
    "runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)\n"
)


def run(module: str, arguments: Sequence[str], what: str) -> str:
    """Runs a program and returns its standard output.

    Args:
        module: the program's module.
        arguments: its arguments.
        what: name of the file or folder that it reads, for messages.

    Raises:
        UserError: the program failed (the message is the last line of its errors), crashed, or
            exceeded a limit.
    """
    command = (sys.executable, "-c", _START, str(MEMORY), str(SECONDS), module, *arguments)
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    alone = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**os.environ, **alone, "PYTHONPATH": paths},
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise UserError(
            f"{what}: reading it took more than {_PATIENCE:g} s; do not use it"
        ) from None
    if done.returncode == 0:
        return done.stdout.decode()
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise UserError(f"{what}: reading it takes more than {SECONDS} s of CPU; do not use it")
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise UserError(f"{what}: reading it crashes a program ({name}); do not use it")
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it fails"]
    name = module.rpartition(".")[2]
    raise UserError(lines[-1][len(name) + 2 :] if lines[-1].startswith(f"{name}: ") else lines[-1])
