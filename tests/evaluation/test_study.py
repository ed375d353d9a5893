"""A study's intervals, tables and figures, from a hand-made record."""

import numpy as np
import pytest

from dactyl_jax import evaluation


def one_run(name, goals, **more):
    return {
        "name": name,
        "seed": 0,
        "commit": "0123456789abcdef",
        "machine": "1 CPU cores",
        "steps": 394_200_000,
        "years": 1.0,
        "wall_minutes": 2.5,
        "control_dt": 0.08,
        "curve": [
            {
                "control_steps": (i + 1) * 197_100_000,
                "wall_minutes": float(i + 1),
                "goal_distance": 1.5708,
                "goals_per_minute": 5.0,
                "drops_per_minute": 0.5,
            }
            for i in range(2)
        ],
        "evaluations": {
            "own": {
                "goals": {"per_trial": goals, "mean": float(np.mean(goals))},
                "goals_per_minute": 12.0,
                "drops_per_minute": 0.25,
            }
        },
    } | more


@pytest.fixture
def record():
    return {
        "study": "memory",
        "title": "Memory",
        "command": "python -m experiments.memory",
        "commit": None,
        "date": "2026-11-23",
        "machine": "1 CPU cores",
        "engine": "native",
        "trials": 4,
        "trial_seed": 3,
        "tests": {"own": {"label": "as trained", "goals": "near", "goal_timeout_s": 8.0}},
        "variants": {
            "a": {"label": "with", "runs": [one_run("a-0", [2, 4, 2, 4]), one_run("a-1", [3] * 4)]},
            "b": {"label": "without", "runs": [one_run("b-0", [1, 2, 1, 2])]},
        },
        "pairs": [["a", "b"]],
        "x": ["steps", "wall"],
    }


def test_tables_say_what_was_measured_and_on_what(record):
    text = evaluation.study_markdown(record)
    lines = text.splitlines()
    assert lines[0] == "# Memory"
    (with_memory,) = (line for line in lines if line.startswith("| with | 2 | 1 | 3.00 ["))
    assert with_memory.endswith("], 3 |")
    assert any(line.startswith("| with / without | 2.00 [") for line in lines)
    run = "| `b-0` | 0 | 394,200,000 | 1 | 2.5 | 90 | 5.0, 0.50 | 1.50 | `0123456` | 1 CPU cores |"
    assert run in lines
    assert "| without | 12.0, 0.25 |" in lines
    assert "made on 2026-11-23 at commit `unknown`" in lines[-1]


def test_every_picture_is_drawn(record, tmp_path):
    moments = {"accuracy": [0.5, 0.8], "r2": [0.0, 0.4]}
    scores = {name: moments for name in ("size", "mass", "friction", "gain")}
    run = {"seconds": [0.1, 5.0], "episodes": [9, 8], "memory": scores, "observation": scores}
    record["probe"] = {"variant": "a", "episodes": 9, "runs": [run]}
    pictures = evaluation.study_pictures(record)
    assert set(pictures) == {"", "_steps", "_wall", "_probe"}
    for ending, draw in pictures.items():
        draw(tmp_path / f"memory{ending}.png")
        assert (tmp_path / f"memory{ending}.png").stat().st_size > 10_000
    assert "| block's size | the memory | 0.50 (0.50 to 0.50) | 0.80" in evaluation.study_markdown(
        record
    )


def test_an_interval_over_runs_is_wider_than_over_their_trials():
    rng = np.random.default_rng(0)
    alike = rng.normal(3.0, 1.0, (4, 100))
    apart = alike + np.array([[-1.0], [-0.5], [0.5], [1.0]])
    narrow, wide = evaluation.mean_over_runs(alike), evaluation.mean_over_runs(apart)
    assert narrow[0] == pytest.approx(wide[0]) == pytest.approx(alike.mean())
    assert narrow[2] - narrow[1] == pytest.approx(2 * 1.96 / 20, rel=0.5)
    assert wide[2] - wide[1] > 4 * (narrow[2] - narrow[1])


def test_a_ratio_covers_the_truth_and_says_so_where_there_is_none():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(40):
        value, low, high = evaluation.ratio_over_runs(
            rng.poisson(4.0, (1, 100)), rng.poisson(2.0, (1, 100))
        )
        assert low < value < high
        covered += low < 2.0 < high
    assert covered >= 34
    value, low, high = evaluation.ratio_over_runs([[1, 1]], [[0, 0]])
    assert value == low == high == np.inf
