"""The environments' state, and what importing it does."""

import subprocess
import sys


def test_importing_starts_no_backend():
    """`jax.distributed.initialize` must come first in a run of several processes."""
    script = (
        "import sys, dactyl_jax.registry, dactyl_jax.viewer, experiments.evaluation.end_of_run;"
        "from jax._src import xla_bridge;"
        "sys.exit(bool(xla_bridge._backends))"
    )
    ran = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)
    assert ran.returncode == 0, ran.stderr.decode()
