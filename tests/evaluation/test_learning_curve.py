"""The learning-curve figure of a run."""

import numpy as np

from dactyl_jax import evaluation
from dactyl_jax.evaluation import learning_curve

ROWS = [
    {
        "control_steps": 1000 * number,
        "goals_per_minute": 4.0,
        "drops_per_minute": 1.0,
        "goal_distance": 1.0,
        "full_goals": 6,
        "full_failures": number % 2,
    }
    for number in range(5, 45)
]


def test_goals_per_failure_are_sums_over_a_window():
    found = learning_curve.goals_per_failure(ROWS, "full")
    # Windows of three iterations, of which every other one had a failure.
    np.testing.assert_allclose(found[1:-1], [9.0, 18.0] * 19)
    nothing = [row | {"full_failures": 0} for row in ROWS]
    assert np.all(np.isnan(learning_curve.goals_per_failure(nothing, "full")))


def test_a_picture_with_and_without_randomisation(tmp_path):
    reference = {"reference_goals": 9, "reference_failures": 1}
    plain = [{k: v for k, v in row.items() if not k.startswith("full")} for row in ROWS]
    for number, rows in enumerate((plain, ROWS, [row | reference for row in ROWS], ROWS[:1])):
        path = tmp_path / f"{number}.png"
        evaluation.draw_learning_curve(rows, path, title="a run", control_dt=0.08)
        assert path.stat().st_size > 10_000
