import pytest

from tests.hardware.faults import mutations


@pytest.mark.parametrize(
    ("first", "count"), [(0, 18), pytest.param(18, 42, marks=pytest.mark.slow)]
)
def test_whatever_a_bundle_holds_it_is_judged_in_a_line(first, count):
    """No bundle is accepted that lets the hand exceed the maker's limits."""
    outcomes = {
        seed: mutations.judge(seed, simulated=False) for seed in range(first, first + count)
    }
    assert [(seed, one) for seed, one in outcomes.items() if one.ended == "broken"] == []
    assert {one.ended for one in outcomes.values()} == {"accepted", "refused"}
