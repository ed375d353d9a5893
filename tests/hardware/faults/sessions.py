"""Disturbs sessions on a fake hand at random and checks every command.

python -m tests.hardware.faults.sessions --sessions=5000 prints a table by kind.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hardware.bundle import store
from hardware.policy.controller import Controller
from hardware.safety import limits
from hardware.safety.limits import Limits
from hardware.sight.mount import AT_FOREARM
from hardware.trials.bench import Bench
from hardware.trials.goals import RandomGoals
from hardware.trials.session import Session
from tests.hardware.fake_hand import Chooses, FakeHand
from tests.hardware.faults.kinds import HARMLESS, KINDS

BUNDLE = Path(__file__).parents[1] / "bundle"
TRIALS, TIMEOUT = 3, 1.2
STEP = 0.02  # rad, smallest change of a command that counts as motion
LONGEST = 12.0  # s, after which a person stops a session that waits for its object


class Outcome(NamedTuple):
    """The outcome of a session.

    Attributes:
        kind: kind of its fault.
        broken: the promise that was broken; empty if all were kept.
        commands: number of commands that reached the motors.
        motion: time for which the hand moved after the fault, s; None if it did not, or if the
            fault concerns the policy and came before the policy acted.
        ends: how its trials ended.
    """

    kind: str
    broken: str
    commands: int
    motion: float | None
    ends: list[str]


class DisturbedHand(FakeHand):
    """A fake hand with a fault that begins at a given time."""

    def __init__(self, bundle, kind, moment, rng):
        super().__init__(bundle)
        self.behave, self.acts = None, [-np.inf]  # acts: times at which the policy acted
        self._kind, self._rng, self._began = kind, rng, False
        self.counts = False  # whether the fault has begun and concerns what was running
        self.moment, self._ends = self.now() + moment, self.now() + LONGEST
        self.on_step = self._disturb

    def _disturb(self):
        if not self._began and self.now() >= self.moment:
            self._began = True
            acts = self.now() - self.acts[-1] < 0.1
            self.counts = acts or not KINDS[self._kind].of_policy
            KINDS[self._kind].begin(self, self._rng)
        if self.now() >= self._ends:
            self.ask_to_stop("who waits")


def play(bundle, controller, seed: int) -> Outcome:
    """Runs a session; the seed draws the fault, its time, the policy and the limits."""
    rng = np.random.default_rng([seed, 7])
    kind = list(KINDS)[seed % len(KINDS)]
    hand = DisturbedHand(bundle, kind, rng.uniform(0.0, 6.0), rng)
    allowed = limits.smallest(limits.of_maker(), limits.of_bundle(bundle))
    if rng.uniform() < 0.3:  # a hand that reports lower rates and narrower ranges
        low, high, rates = allowed
        narrow = rng.uniform(0.0, 0.05, 20)
        hand.allowed = Limits(low + narrow, high - narrow, rates * rng.uniform(0.05, 1.0))
        allowed = limits.smallest(allowed, hand.allowed)
    bins, wild = bundle.contract["action"]["bins"], rng.uniform() < 0.5

    def choose(logits):
        if callable(hand.behave):
            return hand.behave(hand, logits)
        return rng.integers(0, bins, 20) if wild else rng.integers(bins // 2 - 1, bins // 2 + 2, 20)

    session = Session(bundle, hand, AT_FOREARM, None, say=lambda line: None)
    session._controller = _Controller(controller, hand)
    lab, ends = Bench(RandomGoals("near", 0.5, seed), Chooses(choose)), []
    hand.report()
    for trial in range(TRIALS):
        ends.append(session.run(lab, trial, TIMEOUT).end)
        if ends[-1] in ("fault", "stop"):
            break
        hand.wait_until(hand.now() + rng.uniform(0.0, 1.0))
    return _judge(kind, hand, allowed, bundle.control_dt, ends)


class _Controller:
    """A bundle's controller that may command targets that no controller should."""

    def __init__(self, controller: Controller, hand: DisturbedHand):
        self._controller, self._hand = controller, hand
        self.begin = controller.begin

    def step(self, *readings):
        self._hand.acts.append(self._hand.now())
        chosen = self._controller.step(*readings)
        if self._hand.behave == "nan":
            return chosen._replace(targets=np.full(20, np.nan))
        if self._hand.behave == "far":
            return chosen._replace(targets=chosen.targets * 1e6)
        return chosen


def _judge(kind, hand, allowed, period, ends) -> Outcome:
    times = np.array([time for time, _ in hand.commands])
    sent = np.array([targets for _, targets in hand.commands]).reshape(-1, 20)
    within, broken = KINDS[kind].within, ""
    steps = np.abs(np.diff(sent, axis=0))
    reach = allowed.rates * np.minimum(np.diff(times), period)[:, None]
    if not np.isfinite(sent).all():
        broken = "a command is not finite"
    elif (sent < allowed.low - 2e-6).any() or (sent > allowed.high + 2e-6).any():
        broken = "a command is out of range"
    elif (steps > reach + 1e-9).any():
        broken = f"a command moves by {steps.max():.2f} rad"
    counted = times[1:] > hand.moment
    if KINDS[kind].of_policy:  # the motion to a posture needs neither policy nor object
        counted &= np.isin(times[1:], hand.acts)
    moves = np.flatnonzero((steps > STEP).any(axis=1) & counted)
    motion = None
    if len(moves) and hand.counts:
        motion = float(times[moves[-1] + 1] - max(times[moves[0]], hand.moment))
    if not broken and within is not None:
        if within == HARMLESS and "fault" in ends:
            broken = "held without a fault"
        if within < HARMLESS and motion is not None and motion > within + 1e-6:
            broken = f"moved for {motion:.2f} s"
    return Outcome(kind, broken, len(sent), motion, ends)


def table(outcomes: list[Outcome]) -> str:
    """A Markdown table with a row per kind of fault."""
    lines = ["| fault | sessions | commands | held | last motion, ms | broken |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for kind in KINDS:
        of_kind = [outcome for outcome in outcomes if outcome.kind == kind]
        held = sum("fault" in outcome.ends or kind == "stop" for outcome in of_kind)
        late = [outcome.motion for outcome in of_kind if outcome.motion is not None]
        most = f"{1000 * max(late):.0f}" if late and (KINDS[kind].within or 9) < 9 else "-"
        commands = sum(outcome.commands for outcome in of_kind)
        broken = sum(bool(outcome.broken) for outcome in of_kind)
        lines.append(f"| {kind} | {len(of_kind)} | {commands} | {held} | {most} | {broken} |")
    return "\n".join(lines)


def main() -> None:
    """Runs many sessions and prints a table of the outcomes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=200, help="number of sessions (200)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first session (0)")
    flags = parser.parse_args()
    bundle = store.load(str(BUNDLE))
    controller = Controller(bundle)
    outcomes = []
    for seed in range(flags.seed, flags.seed + flags.sessions):
        outcomes.append(play(bundle, controller, seed))
        if outcomes[-1].broken:
            print(f"seed {seed}, {outcomes[-1].kind}: {outcomes[-1].broken}", flush=True)
    print(table(outcomes))


if __name__ == "__main__":
    main()
