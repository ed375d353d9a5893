"""Comparison of runs: all seeds of a family have one colour."""

import numpy as np
import pytest
from PIL import Image

from dactyl_jax.evaluation import RunCurve, draw_runs, plotting

BLUE, RED = (0x1F, 0x6F, 0xB4), (0xC8, 0x55, 0x3D)


def run(name, level=4.0, iterations=40):
    rows = [
        {
            "control_steps": 1_000_000 * i,
            "wall_minutes": 0.5 * i,
            "goals_per_minute": level + (i > iterations - 2),
            "drops_per_minute": 0.25,
            "goal_distance": np.pi / 2 if i == iterations else 0.9,
        }
        for i in range(1, iterations + 1)
    ]
    return RunCurve(name, 0.08, rows)


@pytest.mark.parametrize("x", ["wall", "steps"])
def test_seeds_of_a_run_share_its_colour(x, tmp_path):
    def pixels(*runs):
        draw_runs(runs, tmp_path / "runs.png", title="t", x=x)
        image = np.asarray(Image.open(tmp_path / "runs.png").convert("RGB")).astype(int)
        return [int((np.abs(image - c).sum(axis=-1) < 10).sum()) for c in (BLUE, RED)]

    one, seeds, two = (
        pixels(run("a")),
        pixels(run("a"), run("a#2", 8.0)),
        pixels(run("a"), run("b", 8.0)),
    )
    assert one[1] == seeds[1] == 0
    assert seeds[0] > 1.2 * one[0]
    assert two[1] > 500
    assert [file.name for file in tmp_path.iterdir()] == ["runs.png"]


def test_smoothing_keeps_the_mean_of_a_window_and_shortens_at_the_ends():
    values = np.arange(200.0)
    smoothed = plotting.smooth(values)
    np.testing.assert_allclose(smoothed[5:-5], values[5:-5])
    assert smoothed[0] == 2.5 and smoothed[-1] == 196.5
