"""CPUs of this process."""

import os


def available_cpus() -> int:
    """CPUs that this process may use; all of them where the system does not tell (macOS)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
