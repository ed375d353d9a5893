"""Descriptions of the machine, as containers limit it."""

import os

import pytest

from dactyl_jax import cpus
from experiments.base import machine


@pytest.fixture
def cgroups(tmp_path, monkeypatch):
    """A container's view of its limits, empty."""
    for folder in ("cpu", "memory"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr(cpus, "CGROUPS", tmp_path)
    monkeypatch.setattr(machine, "CGROUPS", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
def test_a_containers_memory_counts(cgroups, name):
    whole = machine.memory()
    (cgroups / name).write_text("1000000\n")
    assert machine.memory() == 1_000_000
    (cgroups / name).write_text("max\n")
    assert machine.memory() == whole


@pytest.mark.parametrize(
    "limits",
    [
        {"cpu.max": "50000 100000"},
        {"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"},
    ],
)
def test_a_containers_cpus_count(cgroups, limits, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2})
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert cpus.available_cpus() == 3
    for name, text in limits.items():
        (cgroups / name).write_text(text + "\n")
    assert cpus.available_cpus() == 1  # half a core
    (cgroups / "cpu.max").write_text("max 100000\n")
    (cgroups / "cpu/cpu.cfs_quota_us").write_text("-1\n")
    assert cpus.available_cpus() == 3
