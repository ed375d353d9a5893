"""Prints a log of hardware.run_trials line by line; with --bundle, checks the policy's logits."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from hardware.base import cli
from hardware.base.errors import UserError
from hardware.bundle import store
from hardware.policy.network import Policy
from hardware.trials import log

_TOLERANCE = 1e-4  # of logits


def lines(path: str, trial: int | None, policy: Policy | None) -> Iterator[str]:
    """Yields a line for every event, control step and result of a log.

    Args:
        path: path of the log.
        trial: number of the only trial to show, counted from 1; None shows all.
        policy: recomputes the logits to compare them with the logged ones; None skips that.

    Raises:
        UserError: the file is not a log, or the policy's logits differ from the logged ones.
    """
    memory = policy.initial_memory() if policy else ()
    began = None
    for topic, time, row in log.read(path):
        began = time if began is None else began
        if topic not in ("/step", "/event", "/result"):
            continue
        if policy and topic == "/step":
            if row["step"] == 0:
                memory = policy.initial_memory()
            logits, memory = policy.logits(np.array(row["observation"], np.float32), memory)
            _compare(logits, row)
        if trial is None or row["trial"] == trial - 1:
            yield f"{time - began:7.2f} s  trial {row['trial'] + 1}  {_words(topic, row)}"


def _compare(logits: np.ndarray, row: dict[str, Any]) -> None:
    off = float(np.abs(logits - np.array(row["logits"])).max())
    if not off <= _TOLERANCE:
        raise UserError(
            f"trial {row['trial'] + 1}, step {row['step']}: the bundle's logits are off by "
            f"{off:.2g} from the log's; give the bundle whose policy was logged"
        )


def _words(topic: str, row: dict[str, Any]) -> str:
    if topic == "/event":
        return row["text"]
    if topic == "/result":
        return f"ends: {row['goals']} goals, {row['end']} {row['reason']}".rstrip()
    bins = " ".join(f"{number:2d}" for number in row["action"])
    return (
        f"step {row['step']:4d}, {row['goals']:2d} goals, {row['distance']:.2f} rad to go, bins "
        f"{bins}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; see `cli.run`."""
    parser = cli.Parser("replay", __doc__ or "")
    parser.add_argument("log", help="a file that hardware.run_trials --log wrote")
    parser.add_argument(
        "--trial", type=cli.whole_number(1), help="show only the trial of this number"
    )
    parser.add_argument(
        "--bundle", help="bundle of the logged policy: recompute its logits and compare"
    )
    parser.add_argument(
        "--step", action="store_true", help="wait for Enter after every line; q quits"
    )

    def replay(flags: argparse.Namespace) -> None:
        if flags.step and sys.stdin is None:
            raise UserError("--step waits for Enter, but standard input is closed; leave it out")
        policy = Policy(store.load(flags.bundle)) if flags.bundle else None
        for line in lines(flags.log, flags.trial, policy):
            print(line, end="" if flags.step else "\n", flush=True)
            if flags.step and sys.stdin.readline() in ("q\n", ""):
                break

    return cli.run(replay, parser, argv)


if __name__ == "__main__":
    sys.exit(main())
