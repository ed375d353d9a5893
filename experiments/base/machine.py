"""The machine that a program computes on: its devices, in words, and their memory."""

import os

import jax

from dactyl_jax.cpus import available_cpus


def device() -> str:
    """The devices that JAX computes on, in words."""
    first = jax.devices()[0]
    if first.platform == "cpu":
        cpus, hosts = available_cpus(), jax.process_count()
        cores = f"{cpus} CPU core{'s' if cpus > 1 else ''}"
        return cores + (f" in {hosts} processes" if hosts > 1 else "")
    count = jax.device_count()
    return f"{count} x {first.device_kind}" if count > 1 else first.device_kind


def memory() -> int:
    """Bytes of memory that the first device has; the host's memory for a CPU."""
    limit = (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit")
    return limit or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def peak_device_memory() -> int | None:
    """The most bytes that the fullest of this process's devices held; None for a CPU."""
    peaks = [
        (device.memory_stats() or {}).get("peak_bytes_in_use") for device in jax.local_devices()
    ]
    return max((peak for peak in peaks if peak is not None), default=None)
