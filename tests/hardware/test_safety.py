import threading
from time import monotonic, sleep

import numpy as np
import pytest

from hardware.base import rotations
from hardware.base.messages import JointState
from hardware.policy import actions
from hardware.robots.robot import Listeners
from hardware.safety import limits, motion
from hardware.safety.guard import CHECK_PERIOD, COMMANDS_STALE, Guard, Watched
from hardware.sight.mount import AT_FOREARM
from hardware.trials.bench import Bench
from hardware.trials.goals import RandomGoals
from hardware.trials.session import LISTEN, TRACKER_PATIENCE, Session
from tests.hardware.fake_hand import PERIOD, Chooses, FakeHand


def guard_of(hand, contents, events, pose_age=lambda now: 0.0):
    """A guard of a fake hand; its controllers need to see an object."""
    return Guard(
        contents,
        limits.of_bundle(contents),
        hand.now,
        hand.send,
        {"object pose": Watched(pose_age, TRACKER_PATIENCE)},
        hand.trouble,
        events.append,
        lambda targets: None,
    )


class Rig:
    """A guard on a fake hand, without a policy."""

    def __init__(self, contents):
        self.hand, self.events, self.pose_age = FakeHand(contents), [], 0.0
        hand = self.hand
        self.guard = guard_of(hand, contents, self.events, lambda now: self.pose_age)
        ignore = lambda message: None  # noqa: E731
        hand.listen(Listeners(self.guard.on_joint_state, ignore, ignore, self.guard.stop, ignore))
        hand.every(CHECK_PERIOD, self.guard.check)
        hand.report()
        assert self.guard.begin(needs=["object pose"])

    def wait(self, seconds):
        self.hand.wait_until(self.hand.now() + seconds)


@pytest.fixture
def rig(contents):
    return Rig(contents)


def check_commands(bundle, commands, start):
    """Checks that every command is within limits and within reach of the one before it."""
    low, high = bundle.limits.T
    before_time, before = None, start
    for time, targets in commands:
        assert (targets >= low - 2e-6).all() and (targets <= high + 2e-6).all()
        elapsed = bundle.control_dt if before_time is None else time - before_time
        reach = bundle.max_rates * min(elapsed, bundle.control_dt)
        assert (np.abs(targets - before) <= reach + 1e-9).all()
        before_time, before = time, targets


def test_what_a_controller_can_ask_for_passes_untouched(rig, contents):
    """Targets from one end of the range to the other at the control rate, equal in every bit."""
    low, high = contents.limits.astype(np.float32).T
    rig.guard.begin(needs=["object pose"], targets=low)
    for targets in (high, low, high, low, high):
        assert rig.guard.command(targets)
        np.testing.assert_array_equal(rig.hand.commands[-1][1], targets)
        rig.wait(contents.control_dt)
    assert rig.events == []


def test_wild_targets_are_limited_and_it_is_said(rig, contents):
    rng = np.random.default_rng(0)
    start = rig.guard.targets()
    for _ in range(300):
        rig.guard.command(rng.normal(0, 10 ** rng.uniform(-2, 3), 20))
        rig.wait(rng.integers(0, 12) * PERIOD)
    assert len(rig.hand.commands) == 300
    check_commands(contents, rig.hand.commands, start)
    assert "limited: rh_A_" in rig.events[0] and "was asked for" in rig.events[0]


def test_the_first_command_starts_from_where_the_hand_is(rig, contents):
    rig.hand.angles = rig.hand.angles + 0.2
    rig.wait(PERIOD)
    measured = contents.coupling @ rig.guard.joints().position
    assert rig.guard.command(measured + 100)
    moved = rig.hand.commands[0][1] - np.clip(measured, *contents.limits.T)
    assert (moved <= contents.max_rates * contents.control_dt + 1e-9).all()


def test_a_blend_is_slow_and_arrives(contents):
    rng = np.random.default_rng(0)
    start, end = (rng.uniform(*contents.limits.T) for _ in range(2))
    duration = np.abs(end - start).max() / motion.BLEND_RATE
    times = np.arange(0, duration + 0.1, 0.01)
    way = np.array([motion.blend(start, end, time) for time in times])
    assert np.abs(np.diff(way, axis=0)).max() <= motion.BLEND_RATE * 0.01 + 1e-9
    np.testing.assert_allclose(way[0], start)
    np.testing.assert_allclose(way[-1], end)
    assert not np.allclose(way[-20], end)


def test_nothing_goes_on_after_stop(rig):
    assert rig.guard.command(rig.guard.targets())
    last = rig.hand.targets.copy()
    rig.hand.ask_to_stop("a test")
    assert not rig.guard.command(last + 0.1)
    assert not rig.guard.begin() and rig.guard.stopped
    assert rig.guard.fault == "stopped by a test"
    rig.wait(1.0)
    assert len(rig.hand.commands) == 2
    np.testing.assert_array_equal(rig.hand.commands[1][1], last)


def test_a_controller_begins_from_the_last_command_wherever_the_hand_reads_it_is(rig, contents):
    """The motors still follow that command, and the reading may be wrong."""
    assert rig.guard.command(rig.guard.targets())
    rig.wait(PERIOD)
    rig.guard.end()
    rig.hand.spoil = lambda joints, pose: (
        [joints._replace(position=joints.position + 0.15)],
        [pose],
    )
    rig.wait(1.0)
    assert rig.guard.begin(needs=["object pose"])
    np.testing.assert_array_equal(rig.guard.targets(), rig.hand.commands[-1][1])
    rig.guard.command(contents.limits[:, 1])
    check_commands(contents, rig.hand.commands, rig.hand.commands[0][1])


def test_a_hold_is_not_forgiven_before_the_controller_ends(rig):
    rig.guard.hold("a test")
    assert not rig.guard.begin() and not rig.guard.command(rig.guard.targets())
    rig.guard.end()
    assert rig.guard.begin() and not rig.guard.fault


def test_no_begin_without_a_hand_to_be_heard(contents):
    hand, events = FakeHand(contents), []
    guard = guard_of(hand, contents, events)
    assert not guard.begin()
    assert "joint states" in guard.fault
    assert not guard.command(contents.start_targets) and hand.commands == []


def test_joints_are_put_in_order_by_name(rig, contents):
    shuffled = np.random.default_rng(0).permutation(25)
    names = [*contents.joints, "ra_elbow_joint"]
    rig.wait(PERIOD)
    angles = np.append(rig.hand.angles + 1e-3 * np.arange(24), 9.0)
    speeds = np.arange(25.0) + 100
    rig.hand.spoil = lambda joints, pose: (
        [JointState(joints.stamp, tuple(names[i] for i in shuffled), angles[shuffled], speeds)],
        [],
    )
    rig.wait(PERIOD)
    joints = rig.guard.joints()
    np.testing.assert_array_equal(joints.position, angles[:24])
    np.testing.assert_array_equal(joints.velocity, 100 + np.argsort(shuffled)[:24])


def test_an_actuator_that_does_not_follow_is_named(rig, contents):
    """An actuator may push against something, but not for long if it is far from its target."""
    joint, follow = contents.joints.index("rh_FFJ3"), rig.hand.follow
    angle = rig.hand.angles[joint]

    def jam():
        follow()
        rig.hand.angles[joint] = angle

    rig.hand.follow = jam
    goal = contents.start_targets.copy()
    goal[contents.actuators.index("rh_A_FFJ3")] = -0.262
    began = rig.hand.now()
    while rig.guard.command(goal):
        rig.wait(contents.control_dt)
        assert rig.hand.now() < began + 5.0
    assert "rh_A_FFJ3 does not follow" in rig.guard.fault
    assert 2.0 < rig.hand.now() - began < 2.5


def test_joint_states_come_in_parts_and_with_those_of_others(rig):
    def split(joints, pose):
        parts = [
            JointState(joints.stamp, joints.names[p], joints.position[p], joints.velocity[p])
            for p in (slice(0, 10), slice(10, 24))
        ]
        other = joints._replace(names=tuple(f"lh{name[2:]}" for name in joints.names))
        return [*parts, other], [pose]

    rig.hand.spoil = split
    assert rig.guard.command(rig.guard.targets())
    rig.wait(0.1)
    np.testing.assert_array_equal(rig.guard.joints().position, rig.hand.angles)
    rig.hand.spoil = lambda joints, pose: (split(joints, pose)[0][:1], [pose])
    rig.wait(0.15)
    assert "the last good one of rh_" in rig.guard.fault


def test_what_was_implausible_once_is_believed_no_more(rig):
    """A sensor board reads plausible values near zero after a reset."""
    rig.guard.command(rig.guard.targets())
    rig.guard.end()
    rig.hand.spoil = lambda joints, pose: ([joints._replace(position=0.01 * joints.position)], [])
    rig.wait(1.0)
    assert not rig.guard.begin() and "jumps by" in rig.guard.fault
    assert len(rig.hand.commands) == 2
    np.testing.assert_array_equal(*(targets for _, targets in rig.hand.commands))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e9])
def test_limits_that_are_no_limits_are_the_makers(value, contents):
    contents.contract["actuators"][3].update(max_rate=value, high=value)
    hand = FakeHand(contents)
    guard = guard_of(hand, contents, [])
    hand.listen(Listeners(guard.on_joint_state, *[lambda message: None] * 4))
    hand.report()
    assert guard.begin() and guard.command(np.full(20, 1e6))
    maker = limits.of_maker()
    sent = hand.commands[0][1]
    assert np.isfinite(sent).all() and (sent <= maker.high + 2e-6).all()


def test_rates_are_the_smallest(contents):
    slow = limits.of_hand({name: limits.Joint(-4.0, 4.0, 2.0) for name in contents.joints})
    allowed = limits.smallest(limits.of_maker(), limits.of_bundle(contents), slow)
    assert set(allowed.rates) == {2.0, 4.0}  # of single joints and of coupled ones
    np.testing.assert_array_equal([allowed.low, allowed.high], contents.limits.T)


def test_trouble_holds_and_prevents_a_begin(rig):
    rig.hand.complaint = "a cable is loose"
    rig.wait(CHECK_PERIOD + PERIOD)
    assert rig.guard.fault == "a cable is loose"
    rig.guard.end()
    assert not rig.guard.begin()


# Faults as functions of a time's joint states and pose; they return the messages to deliver.


def _changed(joints, pose, rng, field, value):
    array = getattr(joints, field).copy()
    array[rng.integers(24)] = value
    return [joints._replace(**{field: array})], [pose]


JOINT_FAULTS = {
    "silent": lambda j, p, rng: ([], [p]),
    "NaN angle": lambda j, p, rng: _changed(j, p, rng, "position", np.nan),
    "infinite angle": lambda j, p, rng: _changed(j, p, rng, "position", np.inf),
    "NaN velocity": lambda j, p, rng: _changed(j, p, rng, "velocity", np.nan),
    "repeated": lambda j, p, rng: ([j, j], [p]),
    "out of order": lambda j, p, rng: ([j, j._replace(stamp=j.stamp - 0.004)], [p]),
    "from the future": lambda j, p, rng: ([j._replace(stamp=j.stamp + rng.uniform(0.03, 9))], [p]),
    "old": lambda j, p, rng: ([j._replace(stamp=j.stamp - rng.uniform(0.11, 9))], [p]),
    "NaN stamp": lambda j, p, rng: ([j._replace(stamp=float("nan"))], [p]),
    "a joint missing": lambda j, p, rng: (
        [JointState(j.stamp, j.names[1:], j.position[1:], j.velocity[1:])],
        [p],
    ),
    "fewer numbers than names": lambda j, p, rng: ([j._replace(position=j.position[1:])], [p]),
}
POSE_FAULTS = {
    "silent": lambda j, p, rng: ([j], []),
    "NaN": lambda j, p, rng: ([j], [p._replace(position=p.position * np.nan)]),
    "no rotation": lambda j, p, rng: ([j], [p._replace(orientation=p.orientation * 0)]),
    "repeated": lambda j, p, rng: ([j], [p._replace(stamp=1.0)]),
    "from the future": lambda j, p, rng: ([j], [p._replace(stamp=p.stamp + 5)]),
    "another frame": lambda j, p, rng: ([j], [p._replace(frame="camera")]),
}
FAULTS = [
    *(("joints", name) for name in JOINT_FAULTS),
    *(("pose", name) for name in POSE_FAULTS),
    ("fingertips", "silent"),
    *(("controller", name) for name in ("hangs", "not a number", "stop")),
    ("object", "falls"),
]


# Faults before the policy acts, during the motion to the start posture or the wait there.
EARLY_FAULTS = [("early", name) for name in (*JOINT_FAULTS, "stop")]


class _Injection:
    """A lab that injects a fault at a random time; the object turns, so that goals are reached."""

    def __init__(self, hand, rng):
        self.hand, self.rng = hand, rng
        self.home = hand.position
        self.goals, self.chooser = RandomGoals("near", 0.5, seed=0), Chooses(self._choose)

    def set_up(self, session, trial):
        hand, rng = self.hand, self.rng
        self.session = session
        kinds = [*FAULTS, *EARLY_FAULTS]
        self.kind, self.name = kinds[trial % len(kinds)]
        tips = hand.tips()  # their positions do not matter here
        hand.see_tips, hand.position = (lambda: tips), self.home
        hand.spoil, hand.on_step = (lambda joints, pose: ([joints], [pose])), self._step
        self.moment = np.inf
        if self.kind == "early":
            away = self.posture + rng.choice(
                [-0.2, 0.2], 20
            )  # 0.4 s of motion, then a second of waiting
            hand.targets, hand.angles = away, hand._shared(away)
            hand.wait_until(hand.now() + 10 * PERIOD)  # readings arrive again
            assert session.guard.begin(targets=away), session.guard.fault
            session.guard.end()
            self.moment = hand.now() + LISTEN + rng.uniform(0.1, 1.3)
            return Bench(self.goals, self.chooser).set_up(session, trial)
        self.moment = hand.now() + 5 * PERIOD + rng.uniform(0.02, 0.6)
        hand.wait_until(hand.now() + 5 * PERIOD)
        assert session.guard.begin(needs=session.needs), session.guard.fault
        return True

    def _step(self):
        turn = rotations.from_axis_angle(np.array([0.6, 0.0, 0.8]), np.array(0.02))
        self.hand.orientation = rotations.multiply(turn, self.hand.orientation)
        by_kind = {"joints": JOINT_FAULTS, "early": JOINT_FAULTS, "pose": POSE_FAULTS}
        faults = by_kind.get(self.kind, {})
        if self.hand.now() >= self.moment and self.name in faults:
            fault = faults[self.name]
            self.hand.spoil = lambda joints, pose: fault(joints, pose, self.rng)
        if self.hand.now() >= self.moment and self.kind == "fingertips":
            self.hand.see_tips = None
        if self.hand.now() >= self.moment and self.name == "falls":
            self.hand.position = self.home + np.array([0.0, 0.0, 0.3])
        if self.hand.now() >= self.moment and self.name == "stop":
            self.session.guard.stop("a test")

    def _choose(self, logits):
        if self.hand.now() >= self.moment and self.name == "hangs":
            self.hand.wait_until(self.hand.now() + 1.0)
        if self.hand.now() >= self.moment and self.name == "not a number":
            self.session.guard.command(np.full(20, np.nan))
        return self.rng.integers(0, 11, 20)


def _session(contents, said):
    """A session on a fake hand; `said` collects its events: time, number of commands, line."""
    hand = FakeHand(contents)
    say = lambda line: said.append((hand.now(), len(hand.commands), line))  # noqa: E731
    return hand, Session(contents, hand, AT_FOREARM, None, markers=True, say=say)


@pytest.mark.slow
def test_a_thousand_faults(contents):
    """Each fault holds the hand in time and with a reason, and no command is out of bounds.

    A hold sends the last command once more and then nothing.
    """
    rng = np.random.default_rng(0)
    said: list[tuple[float, int, str]] = []
    session, counts = None, dict.fromkeys([*FAULTS, *EARLY_FAULTS], 0)
    blending = 0  # early faults during the motion
    for trial in range(1000):
        if session is None:  # at first, and after each stop, which is permanent
            hand, session = _session(contents, said)
            lab = _Injection(hand, rng)
            lab.posture = contents.start_targets
        said.clear()
        before = len(hand.commands)
        result = session.run(lab, trial, timeout_s=60.0)
        end = {"stop": "stop", "falls": "drop"}.get(lab.name, "fault")
        assert result.end == end, (lab.name, result)
        held_from = hand.now()
        if end != "drop":
            held_from, sent, line = said[-1]
            assert result.reason and result.reason in line and "holding" in line
        allowed = TRACKER_PATIENCE + CHECK_PERIOD if lab.kind in ("pose", "fingertips") else 0.2
        # The fault begins with the first message, or the first control step, after its time.
        begins = contents.control_dt if lab.kind == "controller" else PERIOD
        assert held_from - lab.moment <= allowed + begins
        hand.wait_until(hand.now() + 0.1)
        commands = hand.commands[before:]
        if end != "drop":  # a drop needs no hold, since no commands follow
            assert len(hand.commands) == sent and len(commands) > 1
            (_, last), (time, held) = commands[-2:]
            assert time == held_from and (held == last).all()
        if lab.kind == "early":
            assert result.steps == 0
            blending += np.abs(commands[-1][1] - lab.posture).max() > 1e-3
        check_commands(contents, commands, commands[0][1])
        counts[lab.kind, lab.name] += 1
        if lab.name == "stop":
            session = None
    assert min(counts.values()) >= 25 and 50 < blending < 250


class _Clocked:
    """A `robot.Robot` in real time, with its own threads."""

    def __init__(self, contents):
        self.hand, self.open, self.threads = FakeHand(contents), True, []
        self.send, self.commands = self.hand.send, self.hand.commands
        self.limits, self.trouble = self.hand.limits, self.hand.trouble
        self.now = monotonic

    def wait_until(self, moment):
        sleep(max(moment - self.now(), 0.0))

    def every(self, period, call):
        def repeat():
            while self.open:
                call()
                sleep(period)

        self.threads.append(threading.Thread(target=repeat, daemon=True))
        self.threads[-1].start()

    def listen(self, to):
        self.hand.listen(to)

    def report(self):
        self.hand._time = self.now()
        self.hand.follow()
        self.hand.report()

    def close(self):
        self.open = False
        for thread in self.threads:
            thread.join()


def test_the_watchdog_holds_while_the_controller_hangs(contents):
    robot, held, hangs = _Clocked(contents), threading.Event(), []

    def say(line):
        if "holding" in line:
            hangs.append(robot.now())
            held.set()

    def choose(logits):
        if len(robot.commands) == 3:
            hangs.append(robot.now())
            assert held.wait(10.0)
        return actions.most_probable(logits)

    def set_up(session, trial):
        return session.guard.begin(needs=session.needs)

    session = Session(contents, robot, AT_FOREARM, None, say=say)
    robot.report()
    robot.every(PERIOD, robot.report)
    lab = Bench(RandomGoals("near", 0.5, seed=0), Chooses(choose))
    lab.set_up = set_up
    result = session.run(lab, 0, timeout_s=60.0)
    robot.close()
    assert result.end == "fault" and result.steps == 3
    began, ended = hangs
    assert ended - began < COMMANDS_STALE + 0.1  # a busy machine wakes threads late
    assert len(robot.commands) == 4
    np.testing.assert_array_equal(robot.commands[3][1], robot.commands[2][1])
