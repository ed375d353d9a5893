"""Programs of ours in processes of their own, with limits of memory and time.

What reads files that may come from anywhere runs here first: whatever it does, memory bombs, loops
and crashes of libraries included, ends in one line.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from hardware.base.errors import UserError

MEMORY = 500 * 2**20  # bytes that a process may allocate
SECONDS = 8  # of its own time
_PATIENCE = 120.0  # s of the clock: the machine may be busy
_START = (
    "import resource, runpy, sys\n"
    "memory, seconds, *sys.argv = map(str, sys.argv[1:])\n"
    "resource.setrlimit(resource.RLIMIT_DATA, (int(memory), int(memory)))\n"
    "resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 1))\n"
    "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
    "runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)\n"
)


def run(module: str, arguments: Sequence[str], what: str) -> str:
    """What a program prints.

    Args:
        module: the program's.
        arguments: its flags.
        what: that it looks at, for messages.

    Raises:
        UserError: it ends with an error, whose last line this is, or is ended at a limit.
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
        raise UserError(f"{what}: it took more than {_PATIENCE:g} s; do not use it") from None
    if done.returncode == 0:
        return done.stdout.decode()
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise UserError(f"{what}: it takes more than {SECONDS} s; do not use it")
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise UserError(f"{what}: it ends a program that reads it by {name}; do not use it")
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it fails"]
    name = module.rpartition(".")[2]
    raise UserError(lines[-1][len(name) + 2 :] if lines[-1].startswith(f"{name}: ") else lines[-1])
