import pytest

from hardware.policy.controller import Controller
from tests.hardware.faults import sessions
from tests.hardware.faults.kinds import KINDS


@pytest.mark.parametrize(
    ("first", "count"), [(0, len(KINDS)), pytest.param(len(KINDS), 160, marks=pytest.mark.slow)]
)
def test_whatever_goes_wrong_every_command_keeps_to_the_limits(first, count, contents):
    """Detectable faults hold the hand in time."""
    controller = Controller(contents)
    outcomes = {
        seed: sessions.play(contents, controller, seed) for seed in range(first, first + count)
    }
    broken = [(seed, one.kind, one.broken) for seed, one in outcomes.items() if one.broken]
    assert broken == [] and sum(one.commands for one in outcomes.values()) > 20 * count
