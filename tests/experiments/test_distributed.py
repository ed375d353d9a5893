"""One run on one device, on two, and in two processes ends with the same parameters."""

import json
import os
import socket
import subprocess
import sys

import jax
import numpy as np
import pytest

from dactyl_jax.learning import restore_policy
from tests.experiments.conftest import TINY

pytestmark = pytest.mark.slow

_PROGRAM = """
import sys
from experiments import train
from experiments.evaluation import end_of_run
end_of_run.write = lambda workdir, config: None
sys.exit(train.main(sys.argv[1:]))
"""
_RUN = [
    *TINY,
    "--config.num_envs=16",
    "--config.ppo.horizon=8",
    "--config.ppo.chunk=4",
    "--config.ppo.minibatches=4",
    "--config.ppo.passes=2",
    "--config.randomization=all",
    "--config.env.motors=published",  # random actions soon drop the object
    "--config.env.tilt=0.3",
    "--config.network.ordinal=true",
    "--config.env.bank_redraw=2",
    "--max_iterations=3",
]


def _start(folder, *arguments, host_devices=1):
    flags = f"--xla_force_host_platform_device_count={host_devices}"
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *_RUN, f"--workdir={folder}", *arguments],
        env=os.environ | {"XLA_FLAGS": flags},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _start_two(folder):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    return [_start(folder, f"--distributed=localhost:{port},2,{number}") for number in range(2)]


def _wait(*processes):
    for process in processes:
        output, _ = process.communicate(timeout=600)
        assert process.returncode == 0, output


@pytest.fixture(scope="module")
def one_device(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one")
    _wait(_start(folder))
    return folder


def _assert_same(folder, expected):
    """Compares parameters to 1e-5, and all metrics except times."""
    ours, theirs = (restore_policy(path).agent.parameters for path in (folder, expected))
    assert set(ours) == set(theirs)
    for name, layer in theirs.items():
        np.testing.assert_allclose(_flat(ours[name]), _flat(layer), rtol=0, atol=1e-5)
    rows = [_metrics(path) for path in (folder, expected)]
    assert len(rows[0]) == len(rows[1]) == 3
    for row, like in zip(*rows, strict=True):
        assert row["goals"] + row["drops"] > 0
        assert row.keys() == like.keys()
        for name in row.keys() - {"wall_minutes", "control_steps_per_second"}:
            assert row[name] == pytest.approx(like[name], rel=1e-3, abs=1e-5), name


def _flat(layer):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(layer)])


def _metrics(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_two_devices_learn_the_same(one_device, tmp_path):
    _wait(_start(tmp_path, host_devices=2))
    _assert_same(tmp_path, one_device)


def test_two_processes_learn_the_same(one_device, tmp_path):
    _wait(*_start_two(tmp_path))
    _assert_same(tmp_path, one_device)


def test_two_processes_continue_what_one_began(one_device, tmp_path):
    _wait(_start(tmp_path, "--max_iterations=1"))
    _wait(*_start_two(tmp_path))
    _assert_same(tmp_path, one_device)
