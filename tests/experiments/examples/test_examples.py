"""Every example runs, in small, as a stranger would run it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "experiments/examples"
EXAMPLES = {
    "environment_in_five_lines": ((), r"reward -?0\.\d+, \d+ dropped"),
    "evaluate_pretrained": ((), r"per minute: (\d+\.\d) goals, \d\.\d+ drops"),
    "own_algorithm": (("--num_envs=16", "--iterations=2"), r"2: \d+\.\d goals, \d+\.\d+ drops"),
    "own_randomisation": ((), r"[3-7]\.\d% of the motors missed the last command"),
    "own_reward": ((), r"'action_rate': '-0\.\d+'"),
}


def test_all_examples_are_tested():
    files = {file.stem for file in FOLDER.glob("*.py")} - {"__init__"}
    assert files == EXAMPLES.keys()


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_run(name):
    arguments, says = EXAMPLES[name]
    ran = subprocess.run(
        [sys.executable, "-m", f"experiments.examples.{name}", *arguments],
        cwd=ROOT,
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )
    assert ran.returncode == 0, ran.stderr
    assert re.search(says, ran.stdout), ran.stdout
