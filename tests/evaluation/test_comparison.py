"""Comparisons of cells, checked by hand; a shorter time limit ends trials as a real one would."""

import numpy as np
import pytest
from PIL import Image

from dactyl_jax import config as config_lib
from dactyl_jax import evaluation
from dactyl_jax.envs import make_environment
from dactyl_jax.learning import RandomAgent


def cell(world, timeout, goals):
    return {
        "world": world,
        "goal_timeout_s": timeout,
        "goals": {
            "per_trial": goals,
            "mean": float(np.mean(goals)),
            "std": float(np.std(goals, ddof=1)),
            "median": float(np.median(goals)),
            "mean_interval": evaluation.confidence_interval(goals),
            "median_interval": evaluation.confidence_interval(goals, np.median),
        },
        "goals_per_minute": 7.25,
        "drops_per_minute": 0.5,
    }


def row(name, cells, shape="block", years=None):
    task = {"env.object": shape} if shape else None
    return {"name": name, "label": f"the {name}", "task": task, "years": years, "cells": cells}


@pytest.fixture
def table():
    rows = [
        row("block", [cell("none", 8.0, [4, 6, 8]), cell("real", 8.0, [3, 5, 7])], years=0.25),
        row("prism", [cell("none", 8.0, [1, 1, 1]), cell("real", 8.0, [0, 0, 3])], shape="prism"),
        row("plain", [cell("none", 8.0, [5, 7, 6])]),
        row("absent", [], shape=None),
    ]
    return {
        "command": "python -m experiments.evaluate --suite=paper",
        "date": "2018-08-01",
        "engine": "native",
        "seed": 3,
        "trials": 3,
        "max_goals": 50,
        "worlds": ["none", "real"],
        "goal_timeouts_s": [8.0],
        "rows": rows,
        "differences": evaluation.differences(rows, reference="block", transfer=("none", "real")),
    }


def test_differences_are_of_pairs_of_trials(table):
    found = {
        (pair["of"]["row"], pair["of"]["world"], *pair["against"].values()): pair
        for pair in table["differences"]
    }
    assert set(found) == {
        ("block", "real", "block", "none"),
        ("prism", "real", "prism", "none"),
        ("plain", "none", "block", "none"),
    }
    transfer = found["block", "real", "block", "none"]
    assert transfer["mean"] == -1.0
    assert not transfer["paired"]  # the worlds' banks keep different candidates
    assert transfer["interval"][0] < -3 and transfer["interval"][1] > 1
    ablation = found["plain", "none", "block", "none"]
    assert ablation["mean"] == 0.0 and ablation["paired"]
    assert ablation["interval"] == (-2.0, 1.0)


def test_markdown_holds_every_row(table):
    text = evaluation.markdown(table)
    lines = {
        line.split("|")[1].strip(): line for line in reversed(text.splitlines()) if "|" in line
    }
    assert lines["`block`"] == "| `block` | the block | 0.25 | 6.0 ± 2.0 (6) | 5.0 ± 2.0 (5) |"
    assert lines["`plain`"] == "| `plain` | the plain |  | 6.0 ± 1.0 (6) | not run |"
    assert lines["`absent`"] == "| `absent` | the absent |  | not run | not run |"
    assert "| `block` | real | world none | -1.0 [-" in text
    assert "| `block` | none | 8 | 6.0 [4.0, 8.0] | 6 [4.0, 8.0] | 7.2 | 0.50 |" in text
    assert "2018-08-01" in text
    assert table["command"] in text
    assert "seed 3, 3 trials" in text


def test_the_figure_draws_what_was_measured(table, tmp_path):
    def pixels(name, table):
        evaluation.draw_comparison(table, tmp_path / name)
        return np.asarray(Image.open(tmp_path / name).convert("RGB")).astype(int)

    full = pixels("full.png", table)
    none = pixels("none.png", table | {"rows": [x | {"cells": []} for x in table["rows"]]})
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["full.png", "none.png"]

    def red(image):  # dots, whiskers and medians of the one time-out
        return int((np.abs(image - (0xC8, 0x55, 0x3D)).sum(axis=-1) < 10).sum())

    assert red(full) > 5 * red(none) > 0  # the legend has one of each


def test_a_sooner_timeout_is_that_of_an_environment_of_its_own():
    config = config_lib.default()
    config.engine, config.randomization = "native", "none"
    config.env.bank_size = 8
    trials = []
    for timeout, sooner in ((2.4, 0.8), (0.8, 0.8)):
        config.env.goal_timeout_s = timeout
        env = evaluation.SoonerTimeout(make_environment(config), sooner)
        assert env.config.env.goal_timeout_s == 0.8
        trials.append(
            evaluation.run_trials(env, RandomAgent(20, 11), trials=64, seed=0, goal_distance=0.9)
        )
    for name in ("steps", "goals", "steps_to_last_goal", "dropped", "timed_out", "diverged"):
        np.testing.assert_array_equal(*(getattr(x, name) for x in trials), err_msg=name)
    assert trials[0].timed_out.sum() > 4
    assert trials[0].goals.sum() > 0
