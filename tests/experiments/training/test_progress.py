"""The progress display of a row of metrics."""

from experiments.training import progress

ROW = {
    "iteration": 1,
    "wall_minutes": 0.1,
    "control_steps": 8192,
    "control_steps_per_second": 1000.0,
    "goals_per_minute": 5.0,
    "drops_per_minute": 1.0,
    "goal_distance": 0.9,
    "diverged": 0,
    "overflow": 0,
}


def test_goals_per_failure_at_full_strength_are_of_the_last_iterations(monkeypatch):
    monkeypatch.setattr(progress, "_WINDOW", 2)
    columns = progress._PolicyColumns()
    assert "full strength" not in columns(ROW)
    shown = [
        columns(ROW | {"full_goals": goals, "full_failures": failures})["full strength"]
        for goals, failures in ((3, 0), (3, 2), (4, 3))
    ]
    assert shown == ["3.0 goals/failure", "3.0 goals/failure", "1.4 goals/failure"]
