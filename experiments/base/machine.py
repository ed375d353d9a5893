"""The machine that a program runs on: its devices and their memory."""

import contextlib
import math
import os

import jax

from dactyl_jax.cpus import CGROUPS, available_cpus


def device() -> str:
    """Describes the devices that JAX computes on."""
    first = jax.devices()[0]
    if first.platform == "cpu":
        cpus, hosts = available_cpus(), jax.process_count()
        cores = f"{cpus} CPU core{'s' if cpus > 1 else ''}"
        return cores + (f" in {hosts} processes" if hosts > 1 else "")
    count = jax.device_count()
    return f"{count} x {first.device_kind}" if count > 1 else first.device_kind


def memory() -> float:
    """Returns the memory of the first device, bytes; for a CPU, what this process may use."""
    limit = (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit")
    return limit or min(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), _of_container())


def _of_container() -> float:
    """Returns the memory limit of this process's container, bytes (cgroups, versions 2 and 1)."""
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):  # version 2 says max where it sets none
            return int((CGROUPS / name).read_text())
    return math.inf


def peak_device_memory() -> int | None:
    """Returns the largest peak memory among this process's devices, bytes; None for a CPU."""
    peaks = [
        (device.memory_stats() or {}).get("peak_bytes_in_use") for device in jax.local_devices()
    ]
    return max((peak for peak in peaks if peak is not None), default=None)
