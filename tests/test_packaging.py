"""An installed wheel contains everything that the package needs."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_a_wheel_works_in_an_empty_directory(tmp_path):
    def run(*command, cwd=tmp_path):
        subprocess.run([sys.executable, *command], cwd=cwd, check=True, timeout=300)

    wheels, site, empty = tmp_path / "wheels", tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    pip = ("-m", "pip", "--quiet")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, ROOT)
    run(*pip, "install", "--no-deps", "--target", site, *wheels.glob("*.whl"))
    script = (
        f"import sys; sys.path.insert(0, {str(site)!r});"
        "from dactyl_jax import hand, pretrained;"
        f"assert hand.__file__.startswith({str(site)!r});"
        "assert hand.load_model().nq == 31;"
        "[pretrained.policy(name) for name in pretrained.NAMES];"
        "pretrained.load_vision();"
        "from hardware.bundle import kinematics, model_patch;"
        "from hardware.simulation import hand as simulated, in_process;"
        "from hardware.trials import session, bench;"
        "from hardware.robots.ros import topics;"
        f"assert simulated.__file__.startswith({str(site)!r});"
        "from experiments.export import bundle;"
        "from experiments import train; sys.exit(train.main(['--help']))"
    )
    run("-c", script, cwd=empty)
    assert not list(empty.iterdir())
