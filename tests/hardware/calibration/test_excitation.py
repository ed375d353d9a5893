"""The motions of a calibration, on a fake hand."""

import numpy as np
import pytest

from hardware.calibration import excitation
from hardware.safety import motion
from hardware.sight.mount import AT_FOREARM
from hardware.trials.session import Session
from tests.hardware.fake_hand import PERIOD, FakeHand
from tests.hardware.test_safety import check_commands


@pytest.fixture
def hand(contents):
    return FakeHand(contents)


def test_each_actuator_goes_to_its_limits_within_the_guards_alone(contents, hand):
    said, marks = [], []
    session = Session(contents, hand, AT_FOREARM, None, say=said.append)
    session.mark_excitation = lambda name: marks.append((name, len(hand.commands)))
    start = hand.targets
    assert excitation.run(session, ("FF", "WR"))
    assert not [line for line in said if "limited" in line or "holding" in line]
    check_commands(contents, hand.commands, start)
    sent = np.array([targets for _, targets in hand.commands])
    names = [name for name, _ in marks if name]
    assert names == [f"rh_A_{n}" for n in ("WRJ2", "WRJ1", "FFJ4", "FFJ3", "FFJ0")]
    begins, ends = (
        [count for name, count in marks if bool(name) is moves] for moves in (True, False)
    )
    reach = motion.BLEND_RATE * contents.control_dt
    for number, name in enumerate(names):
        index = contents.actuators.index(name)
        moving = sent[begins[number] : ends[number]]
        assert len(moving) * contents.control_dt < 26.0
        assert (np.ptp(np.delete(moving, index, axis=1), axis=0) == 0).all()
        np.testing.assert_allclose(
            [moving[:, index].min(), moving[:, index].max()], contents.limits[index], atol=1e-6
        )
        approach = sent[ends[number - 1] if number else 0 : begins[number]]
        assert np.abs(np.diff(approach, axis=0)).max() <= reach + 2e-6
    np.testing.assert_allclose(sent[-1], contents.start_targets, atol=1e-6)


def test_a_late_command_makes_no_burst(contents, hand):
    said, wait_until = [], hand.wait_until

    def late(time):
        wait_until(time + (0.1 if len(hand.commands) % 20 == 19 else 0.0))

    hand.wait_until = late
    session = Session(contents, hand, AT_FOREARM, None, say=said.append)
    assert excitation.run(session, ("FF",))
    assert not [line for line in said if "limited" in line or "holding" in line]
    assert np.diff([time for time, _ in hand.commands]).min() > 0.9 * contents.control_dt - 1e-9


def test_a_fault_ends_it(contents, hand):
    session = Session(contents, hand, AT_FOREARM, None, say=lambda line: None)

    def fall_silent():
        if hand.now() > 105.0:
            hand.spoil = lambda joints, pose: ([], [])

    hand.on_step = fall_silent
    assert not excitation.run(session, excitation.DIGITS)
    assert "joint states" in session.guard.fault
    assert hand.commands[-1][0] <= 105.0 + 0.2 + PERIOD
