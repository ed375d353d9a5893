"""The rows and worlds of the paper's evaluation, and its time limits per goal.

Rows are those of OpenAI (2018), "Learning Dexterous In-Hand Manipulation", Tables 3 to 5.
"""

from typing import Any

ROWS = {
    "block": "block",
    "locked_wrist": "block, locked wrist",
    "prism": "octagonal prism",
    "no_sensing": "trained without observation noise",
    "no_physics": "trained without physics randomisation",
    "no_unmodelled": "trained without unmodelled effects",
    "none": "trained without any randomisation",
    "lstm_value": "memoryless policy, recurrent value",
    "memoryless": "memoryless policy and value",
}
AGENTS = {"zero": "holds still", "random": "acts at random"}
# Fields that each world sets. The surrogate replaces the physical robot.
WORLDS: dict[str, dict[str, Any]] = {
    "none": {"randomization": "none"},
    "all": {"randomization": "all"},
    "surrogate": {"randomization": "none", "env.world": "surrogate"},
}
GOAL_TIMEOUTS_S = (8.0, 80.0)
TRANSFER = ("none", "surrogate")  # the pair of worlds whose difference is reported
