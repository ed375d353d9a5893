import re
import time

import numpy as np
import pytest

from hardware import replay
from hardware.base import rotations
from hardware.base.errors import Held, UserError
from hardware.bundle.kinematics import fingertips
from hardware.policy import actions
from hardware.policy.actions import MostProbable
from hardware.policy.controller import Controller
from hardware.policy.network import Policy
from hardware.safety.limits import Limits
from hardware.sight.mount import AT_FOREARM, Mount
from hardware.trials import report
from hardware.trials.bench import Bench
from hardware.trials.goals import RandomGoals
from hardware.trials.palm import Palm
from hardware.trials.session import Session
from hardware.trials.trial import Result
from tests.hardware.fake_hand import Chooses, FakeHand
from tests.hardware.test_safety import check_commands


class Room:
    """A session with a fake hand on a bench, and the lines that it prints."""

    def __init__(self, contents, log=None, allowed=None, spoil=None):
        self.hand, self.said = FakeHand(contents), []
        self.hand.allowed = allowed
        self.hand.spoil = spoil or self.hand.spoil
        self.session = Session(contents, self.hand, AT_FOREARM, log, say=self.said.append)
        self.lab = Bench(RandomGoals("near", 0.5, seed=0), MostProbable())
        self.hand.report()

    def run(self, timeout_s=1.6):
        return self.session.run(self.lab, 0, timeout_s)


@pytest.fixture
def room(contents):
    return Room(contents)


def test_a_trial_on_a_bench(room, contents):
    """The hand moves to its start slowly and waits for the object; the policy keeps its rate."""
    start = contents.start_targets + 0.3
    room.hand.angles = room.hand._shared(np.clip(start, *contents.limits.T))
    room.hand.targets = np.clip(start, *contents.limits.T)
    room.hand.wait_until(room.hand.now() + 0.1)
    home, began = room.hand.home, room.hand.now()
    room.hand.position = home + np.array([0.5, 0.0, 0.0])  # not there yet

    def bring():
        if room.hand.now() > began + 4.0:
            room.hand.position = home

    room.hand.on_step = bring
    result = room.run()
    assert result.end in ("time-out", "stuck") and result.goals == 0 and result.steps == 20
    assert sum("put the object into the palm" in line for line in room.said) == 1
    check_commands(contents, room.hand.commands, room.hand.commands[0][1])
    times = np.array([moment for moment, _ in room.hand.commands])
    policy = times[-20:]
    assert policy[0] >= began + 4.0 + 1.0  # the object lay still for a second
    np.testing.assert_allclose(np.diff(policy), contents.control_dt)
    blend = np.array([targets for _, targets in room.hand.commands[:-20]])
    assert np.abs(np.diff(blend, axis=0)).max() <= 0.5 * contents.control_dt + 1e-9
    np.testing.assert_allclose(blend[-1], contents.start_targets, atol=1e-6)
    assert max(room.session.late) < 1e-9 and len(room.session.late) == 20
    assert max(room.session.jitter) < 1e-9 and len(room.session.jitter) == 19


def test_an_object_that_is_seen_with_noise_lies_still_all_the_same(room, contents):
    """An object that is carried through the palm does not count as still."""
    rng, began = np.random.default_rng(0), room.hand.now()

    def see():
        carried = np.array([0.03, 0.0, 0.0]) * min(room.hand.now() - began - 3.0, 0.0)
        room.hand.position = room.hand.home + carried + rng.normal(0, 0.003, 3)

    room.hand.on_step = see
    result = room.run()
    assert result.steps > 0
    policy = room.hand.commands[-result.steps][0]
    assert began + 3.0 + 0.3 < policy < began + 3.0 + 4.0


def test_enter_at_a_terminal_stops_for_good(room, monkeypatch):
    class Terminal:
        isatty = staticmethod(lambda: True)
        readline = staticmethod(lambda: "\n")

    monkeypatch.setattr("sys.stdin", Terminal)
    room.session.stop_on_enter()
    until = time.monotonic() + 10
    while not room.session.guard.stopped and time.monotonic() < until:
        time.sleep(0.01)
    assert room.run()[:2] == ("stop", "stopped by the Enter key")
    assert room.hand.commands == []


def test_a_drop_ends_the_trial_and_the_next_waits_for_the_object(room):
    began = room.hand.now()

    def drop():
        if room.hand.now() > began + 3.0:
            room.hand.position = room.hand.home + np.array([0.0, 0.3, 0.0])

    room.hand.on_step = drop
    assert room.run(timeout_s=60.0).end == "drop"
    commands = len(room.hand.commands)
    room.hand.wait_until(room.hand.now() + 1.0)
    assert len(room.hand.commands) == commands


@pytest.mark.parametrize(
    ("velocity", "way"),
    [
        ([0, 0, -0.3], "10 mm from the edge of the drop box, moving at 0.30 m/s, 0.30 of it down"),
        (
            [0.4, 0, -0.1],
            "40 mm from the edge of the drop box, moving at 0.41 m/s, 0.10 of it down",
        ),
        ([0.05, 0, -0.05], ""),
    ],
)
def test_an_object_that_went_out_of_sight_on_its_way_out_is_dropped(velocity, way, room, contents):
    palm, began, gone = Palm(contents), room.hand.now() + 3.0, room.hand.now() + 3.2
    down = contents.contract["frames"]["forearm_in_world"]["quaternion"]
    moves = rotations.rotate(rotations.conjugate(np.array(down)), np.array(velocity, float))

    def move():
        room.hand.position = room.hand.home + moves * max(room.hand.now() - began, 0.0)
        if room.hand.now() > gone:
            room.hand.spoil = lambda joints, pose: ([joints], [])

    room.hand.on_step = move
    result = room.run(timeout_s=60.0)
    assert palm.holds(room.session.tracker.pose().position) and result.steps > 20
    assert result.end == ("drop" if way else "fault")
    expected = r"object pose: last seen 3\d\d ms ago" + (f", {re.escape(way)}" if way else "")
    assert re.fullmatch(expected, result.reason)


def test_who_waits_for_the_object_says_where_it_is_seen(room):
    began = room.hand.now()
    room.hand.position = room.hand.home + np.array([0.0, 0.0, 0.4])

    def hide():
        if room.hand.now() > began + 1.0:
            room.hand.spoil = lambda joints, pose: ([joints], [])
        if room.hand.now() > began + 4.0:
            room.hand.ask_to_stop("the test")

    room.hand.on_step = hide
    assert room.run().end == "stop"
    asked = [
        line.split("palm: ")[1] for line in room.said if "put the object into the palm" in line
    ]
    assert asked == ["it is seen 40 cm from it", "no pose of it is newer than 0.3 s"]


def test_who_waits_for_the_object_says_that_poses_have_no_stamp(contents):
    """Unset stamps are 0."""
    room = Room(contents, spoil=lambda joints, pose: ([joints], [pose._replace(stamp=0.0)]))

    def give_up():
        if any("put the object" in line for line in room.said):
            room.hand.ask_to_stop("the test")

    room.hand.on_step = give_up
    assert room.run().end == "stop"
    (asked,) = (line for line in room.said if "put the object into the palm" in line)
    assert "old: is it stamped?" in asked


def test_the_controller_sees_and_does_what_the_golden_episodes_do(contents):
    """Compares observation, memory, average and targets from an episode's start."""
    golden, controller = contents.golden(), Controller(contents)
    for episode in range(len(golden["first"])):
        uniforms = iter(golden["uniform"][episode])
        controller.begin(lambda logits, uniforms=uniforms: actions.sample(logits, next(uniforms)))
        targets = golden["previous"][episode, 0]
        for step in range(golden["first"].shape[1]):
            at = episode, step
            if step and golden["first"][at]:
                break
            chosen = controller.step(
                *(golden[n][at] for n in ("joint_angles", "joint_velocities")),
                targets,
                *(golden[n][at] for n in ("position", "orientation", "goal")),
            )
            targets = chosen.targets
            np.testing.assert_array_equal(chosen.action, golden["sampled"][at])
            np.testing.assert_allclose(chosen.observation, golden["observation"][at], atol=1e-5)
            np.testing.assert_array_equal(chosen.average, golden["next_average"][at])
            np.testing.assert_array_equal(chosen.targets, golden["targets"][at])


def test_logits_that_are_no_numbers_hold_the_hand(room, monkeypatch):
    logits, steps = Policy.logits, []

    def fail(self, observation, memory):
        steps.append(room.hand.now())
        after = logits(self, observation, memory)
        return (after[0] * np.nan, after[1]) if len(steps) == 4 else after

    monkeypatch.setattr(Policy, "logits", fail)
    result = room.run()
    assert result.end == "fault" and "the policy's logits are not finite numbers" in result.reason
    (_, last), (held, again) = room.hand.commands[-2:]
    assert held == steps[-1] and np.array_equal(last, again)


@pytest.mark.parametrize("where", ["network", "goals"])
def test_whatever_fails_while_the_policy_acts_holds_the_hand(where, room, monkeypatch):
    def fail(*arguments):
        raise RuntimeError("[ONNXRuntimeError] : 6 :\n bad allocation")

    if where == "network":
        monkeypatch.setattr(Policy, "logits", fail)
    else:
        room.lab.goals.draw = fail
    result = room.run()
    reason = "the policy fails: RuntimeError: [ONNXRuntimeError] : 6 : bad allocation"
    assert result[:2] == ("fault", reason) and f"holding: {reason}" in room.said[-1]


@pytest.mark.parametrize("stall", [0.06, 0.1])
@pytest.mark.parametrize("where", ["before its step", "in its step"])
def test_a_late_step_makes_no_burst(stall, where, room, contents):
    """Later steps take new readings and keep their distance, so no rate limit applies."""
    rng, hand, read, stalls = np.random.default_rng(0), room.hand, [], []
    wait_until = hand.wait_until

    def late(time):
        wait_until(time)
        if len(read) in (5, 12) and len(stalls) < len(read) // 5:
            stalls.append(time)
            wait_until(time + stall)

    def choose(logits):
        read.append(room.session.guard.joints().stamp)
        if where == "in its step":
            late(hand.now())
        return rng.choice([0, contents.contract["action"]["bins"] - 1], 20)

    if where == "before its step":
        hand.wait_until = late
    room.lab = Bench(RandomGoals("near", 0.5, seed=0), Chooses(choose))
    result = room.run()
    assert result.steps == 20 and len(stalls) == 2
    assert not [line for line in room.said if "limited" in line]
    sent = np.diff([moment for moment, _ in hand.commands[-20:]])
    assert sent.min() > 0.9 * contents.control_dt - 1e-9 and np.diff(read).min() > 0.05
    assert np.median(sent) == pytest.approx(contents.control_dt)


def test_a_policy_knows_what_the_hand_got(contents, monkeypatch):
    """The guard limits the targets, and the policy sees the limited ones."""
    low, high = contents.limits.T
    slow = Limits(low, high, 0.3 * contents.max_rates)
    room = Room(contents, allowed=slow)
    step, known, asked = Controller.step, [], []

    def keep(self, *readings):
        chosen = step(self, *readings)
        known.append(readings[2])
        asked.append(chosen.targets)
        return chosen

    monkeypatch.setattr(Controller, "step", keep)
    assert room.run().steps == 20
    got = [targets for _, targets in room.hand.commands[-20:]]
    assert np.abs(np.subtract(asked, got)).max() > 0.01
    np.testing.assert_array_equal(known[1:], got[:-1])


def test_fingertips_are_where_the_joints_or_the_markers_say(contents, monkeypatch):
    assert contents.contract["observation"]["parts"][0]["name"] == "fingertips"
    shift = np.array([0.01, 0.0, 0.0])
    for markers in (False, True):
        hand, seen = FakeHand(contents), []
        hand.see_tips = hand.tips
        mount = Mount("policy", shift, np.array([1.0, 0.0, 0.0, 0.0]))
        session = Session(contents, hand, mount, None, markers=markers, say=lambda line: None)
        step = Controller.step

        def keep(self, *readings, step=step, seen=seen):
            seen.append((readings[0], step(self, *readings)))
            return seen[-1][1]

        monkeypatch.setattr(Controller, "step", keep)
        lab = Bench(RandomGoals("near", 0.5, seed=0), MostProbable())
        hand.report()
        session.run(lab, 0, 0.4)
        monkeypatch.setattr(Controller, "step", step)
        angles, chosen = seen[-1]
        expected = fingertips(contents.chain, angles) + markers * shift
        np.testing.assert_allclose(chosen.observation[:15].reshape(5, 3), expected, atol=1e-6)


def first_readings(contents):
    """The first readings of a golden episode, as arguments of a controller."""
    names = ("joint_angles", "joint_velocities", "previous", "position", "orientation", "goal")
    golden = contents.golden()
    return [golden[name][0, 0] for name in names]


def check_that_a_control_step_is_quick(contents):
    """Measures this thread's CPU time, because other programs may load the machine."""
    controller, readings = Controller(contents), first_readings(contents)
    took = []
    for _ in range(300):
        began = time.thread_time()
        controller.step(*readings)
        took.append(time.thread_time() - began)
    assert np.percentile(took, 99) < 0.005


def test_a_control_step_is_quick(contents):
    check_that_a_control_step_is_quick(contents)


def test_a_log_holds_every_message_and_replays(contents, folder, tmp_path, capsys):
    pytest.importorskip("mcap")
    from hardware.trials import log

    path = tmp_path / "trial.mcap"
    written = log.Log(path, {"bundle": "test"})
    room = Room(contents, written)

    def turn():
        step = rotations.from_axis_angle(np.array([0.0, 0.0, 1.0]), np.array(0.03))
        room.hand.orientation = rotations.multiply(step, room.hand.orientation)

    room.hand.on_step = turn
    result = room.run(timeout_s=4.0)
    written.close()
    rows = list(log.read(str(path)))
    times = [moment for _, moment, _ in rows]
    assert times == sorted(times)
    by_topic = {topic: [row for t, _, row in rows if t == topic] for topic in log.TOPICS}
    ticks = round((room.hand.now() - 100.0) / 0.008)
    assert len(by_topic["/joint_states"]) == len(by_topic["/pose"]) == ticks + 1
    sent = np.array([row["targets"] for row in by_topic["/command"]])
    np.testing.assert_array_equal(sent, [targets for _, targets in room.hand.commands])
    assert len(by_topic["/step"]) == result.steps
    assert by_topic["/result"] == [{"trial": 0, **result._asdict()}]
    assert result.goals >= 1 and "goal 1 reached" in str(by_topic["/event"])

    assert replay.main([str(path), f"--bundle={folder}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(by_topic["/step"]) + len(by_topic["/event"]) + 1
    assert f"ends: {result.goals} goals, {result.end}" in lines[-1]
    assert replay.main([str(path), "--trial=2"]) == 0
    assert capsys.readouterr().out == ""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])  # the program was killed
    some = list(log.read(str(path)))
    assert len(rows) // 4 < len(some) < len(rows) and some == rows[: len(some)]
    path.write_bytes(b"something else")
    assert replay.main([str(path)]) == 2
    assert "is not a log" in capsys.readouterr().err


def test_a_log_is_json_and_says_what_was_no_number(tmp_path):
    pytest.importorskip("mcap")
    from hardware.trials import log

    path, nan = tmp_path / "trial.mcap", float("nan")
    tips = np.arange(6.0).reshape(2, 3)
    tips[1, 1] = np.nan
    written = log.Log(path, {})
    written.write("/fingertips", 1.0, stamp=nan, frame="policy", positions=tips)
    written.write("/event", 2.0, trial=np.int64(3), text="null")
    written.close()
    assert b"NaN" not in path.read_bytes()
    (_, _, row), (_, _, event) = log.read(str(path))
    np.testing.assert_array_equal(row["positions"], tips)
    assert np.isnan(row["stamp"]) and row["frame"] == "policy"
    assert event == {"trial": 3, "text": "null"}


def test_a_message_that_cannot_be_written_holds_the_hand(contents, tmp_path):
    pytest.importorskip("mcap")
    from hardware.trials import log

    written = log.Log(tmp_path / "trial.mcap", {})
    written.write("/event", 1.0, text=object())
    result = Room(contents, written).run(timeout_s=0.4)
    assert result.end == "fault" and result.reason.startswith("the log: TypeError: ")
    with pytest.raises(Held, match=r"the log: TypeError: .* not JSON serializable"):
        written.close()


def test_a_disk_that_is_full_holds_the_hand(contents, tmp_path):
    pytest.importorskip("mcap")
    from hardware.trials import log

    class Full:
        def add_message(self, *message):
            raise OSError(28, "No space left on device")

    written = log.Log(tmp_path / "trial.mcap", {})
    room = Room(contents, written)
    began = room.hand.now()

    def fill():
        if room.hand.now() > began + 2.5:
            written._writer = Full()

    room.hand.on_step = fill
    result = room.run(timeout_s=60.0)
    assert result.end == "fault" and "the log: OSError: [Errno 28] No space left" in result.reason
    with pytest.raises(Held, match="No space left"):
        written.close()


def test_a_replay_finds_that_the_policy_is_another(contents, tmp_path):
    pytest.importorskip("mcap")
    from hardware.trials import log

    path = tmp_path / "trial.mcap"
    written = log.Log(path, {})
    Room(contents, written).run(timeout_s=0.4)
    written.close()
    policy = Policy(contents)
    logits = policy.logits
    policy.logits = lambda *arguments: (logits(*arguments)[0] + 0.01, logits(*arguments)[1])
    with pytest.raises(UserError, match=r"step 0: the bundle's logits are off by 0.01"):
        list(replay.lines(str(path), None, policy))


def test_the_papers_table_and_the_ends():
    results = [
        Result("drop", "", 3, 100, 50),
        Result("cap", "", 50, 3000, 3000),
        Result("fault", "joint states: one came twice", 4, 70, 60),
    ]
    table = report.table(results, 0.08)
    assert "| 19.0 +- 26.9 | 4 | 50, 4, 3 | 4.4 s |" in table
    assert "1 drop: the object left the palm" in table and "1 fault: " in table
    nothing = Result("fault", "joint states: no good one has come", 0, 0, 0)
    stopped = Result("stop", "stopped by the Enter key", 1, 30, 20)
    more = report.table([*results, nothing, stopped], 0.08)
    assert "| 19.0 +- 26.9 | 4 | 50, 4, 3 | 4.4 s |" in more
    assert "left out: 2 of 5 trials, which" in more and "left out" not in table
    assert "2 fault: " in more and "1 stop: " in more
    assert "1 of 1 trials" in report.table([nothing], 0.08)
    line = report.timing([0.0, 0.0, 0.003], [0.001, 0.002], [0.004] * 3)
    assert line.startswith("3 control steps; median, p99, max: late 0.00, 2.94, 3.00 ms; period")
    assert "period off by 1.50, 1.99, 2.00 ms; computing 4.00, 4.00, 4.00 ms" in line
    picture = report.plot(results)
    assert picture.count("<rect") == 3 and "50, cap" in picture
