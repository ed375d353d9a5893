import numpy as np
import pytest

from hardware.sight.mount import AT_FOREARM
from hardware.trials import first_time
from hardware.trials.session import Session
from tests.hardware.fake_hand import FakeHand


def _session(contents):
    hand = FakeHand(contents)
    rates, quiet = first_time.SHARE, lambda line: None
    return hand, Session(contents, hand, AT_FOREARM, None, rates=rates, say=quiet)


def test_a_sound_hand_does_as_told_slowly(contents):
    hand, session = _session(contents)
    assert first_time.run(session)
    sent = np.array([targets for _, targets in hand.commands])
    steps = np.abs(np.diff(sent, axis=0))
    assert steps.max() <= 0.25 * 0.5 * 1.2 * contents.control_dt  # 1.2: margin
    assert (steps > 1e-9).sum(axis=1).max() == 1
    np.testing.assert_allclose(sent[-1], sent[0], atol=1e-6)
    assert (np.ptp(sent, axis=0) > 0.09).all()


@pytest.mark.parametrize("fault", ["turned", "dead", "exchanged"])
def test_a_wrong_one_is_named(fault, contents):
    hand, session = _session(contents)
    at = contents.joints.index("rh_MFJ3")
    rest = hand.angles[at]

    def spoil(joints, pose):
        position = joints.position.copy()
        if fault == "turned":
            position[at] = 2 * rest - position[at]
        elif fault == "dead":
            position[at] = rest
        else:
            other = contents.joints.index("rh_RFJ3")
            position[[at, other]] = position[[other, at]]
        return [joints._replace(position=position)], [pose]

    hand.spoil = spoil
    assert not first_time.run(session)
    assert "rh_A_MFJ3 was commanded by" in session.guard.fault
