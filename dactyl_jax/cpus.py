"""CPUs available to this process."""

import contextlib
import math
import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")  # where a container sees its own limits


def available_cpus() -> int:
    """Number of CPUs this process may use; all of them where the system does not say (macOS)."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cpus, math.ceil(_quota()))


def _quota() -> float:
    """CPUs whose time this process's container may use (cgroups, versions 2 and 1)."""
    for names in (["cpu.max"], ["cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"]):
        with contextlib.suppress(OSError, ValueError):  # version 2 says max where it sets none
            words = " ".join((CGROUPS / name).read_text() for name in names).split()
            quota, period = map(int, words)
            if quota > 0:
                return quota / period
    return os.cpu_count() or 1
