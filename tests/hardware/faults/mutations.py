"""Changes bundles at random and checks what `hardware.verify` does with them.

python -m tests.hardware.faults.mutations --bundles=500 prints a table by kind.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hardware import verify
from hardware.base import shadow_hand
from hardware.bundle import arrays, store
from hardware.safety import limits

BUNDLE = Path(__file__).parents[1] / "bundle"
_NUMBERS = (0, -1, 1, 1e-9, 1e9, 1e300, -1e300, 0.5, 2**40, True, False, None, "x", [], {}, [[]])
_RAW = ("NaN", "Infinity", "-Infinity", "1e999", "[" * 3000, '{"a":1', "")


class Outcome(NamedTuple):
    """What the program did: `refused`, `accepted` or `broken`, why, and the time it took, s."""

    kind: str
    ended: str
    reason: str
    took: float


def _places(value, path=()):
    """Paths of all numbers and texts in a contract that a robot host reads."""
    if isinstance(value, dict):
        for name, part in value.items():
            if path or name not in ("config", "training", "steps"):
                yield from _places(part, (*path, name))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _places(part, (*path, index))
    else:
        yield path


def _contract(files, rng):
    """Changes one value of the contract."""
    contract = json.loads(files["bundle.json"].decode())
    places = list(_places(contract))
    *above, last = places[rng.integers(len(places))]
    part = contract
    for name in above:
        part = part[name]
    if rng.uniform() < 0.2:
        part[last] = "RAW"
        raw = _RAW[rng.integers(len(_RAW))]
        files["bundle.json"] = json.dumps(contract).replace('"RAW"', raw).encode()
        return
    if isinstance(part[last], (int, float)) and rng.uniform() < 0.5:
        part[last] = float(part[last]) * float(rng.choice([-1, 0.5, 2, 10, 1e6]))
    else:
        part[last] = _NUMBERS[rng.integers(len(_NUMBERS))]
    files["bundle.json"] = json.dumps(contract).encode()


def _widened(files, rng):
    """Gives an actuator a larger range, a higher rate, or other joints."""
    contract = json.loads(files["bundle.json"].decode())
    actuator = contract["actuators"][rng.integers(20)]
    change = [
        {"low": -3.1, "high": 3.1},
        {"max_rate": 1e9},
        {"max_rate": 1e9, "low": actuator["low"] - 0.3},
        {"joints": ["rh_FFJ2", "rh_FFJ1"], "low": 0.0, "high": 3.1},
        {"name": list(shadow_hand.ACTUATORS)[rng.integers(20)]},
    ]
    actuator.update(change[rng.integers(len(change))])
    files["bundle.json"] = json.dumps(contract).encode()


def _arrays(files, rng):
    """Removes an array, changes its shape or type, or fills it with NaN."""
    name = ("golden.npz", "numbers.npz")[rng.integers(2)]
    found = arrays.unpack(files[name])
    key = list(found)[rng.integers(len(found))]
    array, change = found[key], rng.integers(6)
    if change == 0:
        del found[key]
    elif change == 1:
        found[key] = array[..., :-1] if array.ndim else array[None]
    elif change == 2:
        found[key] = array.astype(np.int64) + 10**6
    elif change == 3:
        found[key] = np.full_like(array, np.nan if array.dtype.kind == "f" else 1)
    elif change == 4:
        found[key] = np.zeros((2000, 2000, 30), np.uint8)  # compresses well
    else:
        found["training/jnt_qposadr"] = np.full(25, 10**8, np.int32)
    files[name] = arrays.pack(found)


def _bytes(files, rng):
    """Changes some bytes of a file, or removes or repeats a piece."""
    name = list(files)[rng.integers(len(files))]
    content = bytearray(files[name])
    at, length = rng.integers(len(content)), int(rng.integers(1, 200))
    change = rng.integers(3)
    if change == 0:
        for _ in range(rng.integers(1, 20)):
            content[rng.integers(len(content))] = rng.integers(256)
    elif change == 1:
        del content[at : at + length]
    else:
        content[at:at] = content[at : at + length]
    files[name] = bytes(content)


def _xml(files, rng):
    """Makes the model large, incomplete, dependent on other files, or its time step tiny."""
    text = files["hand.xml"].decode()
    body = "<worldbody>"
    changes = (
        text.replace(body, body + '<replicate count="1000000"><body/></replicate>'),
        text.replace(body, body + '<include file="/dev/zero"/>'),
        text.replace("<mujoco", '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><mujoco', 1),
        text.replace("<option", '<option timestep="1e-9"').replace(' timestep="0.008"', ""),
        text.replace(body, body + "<body><freejoint/><geom size='1'/></body>" * 500),
        text[: len(text) // 2],
    )
    files["hand.xml"] = changes[rng.integers(len(changes))].encode()


SEALED = {
    "contract": _contract,
    "widened": _widened,
    "arrays": _arrays,
    "bytes": _bytes,
    "model": _xml,
}
UNSEALED = ("a pipe", "a folder", "bytes unsealed", "a large file")


def _write(folder: Path, kind: str, rng: np.random.Generator) -> None:
    files = {name: (BUNDLE / name).read_bytes() for name in store.FILES}
    contract = json.loads(files["bundle.json"].decode())
    del contract["vision"]
    files["bundle.json"] = json.dumps(contract).encode()
    if kind in SEALED:
        SEALED[kind](files, rng)
    store.write(folder, files)
    name = [*files, store.CHECKSUMS][rng.integers(len(files) + 1)]
    if kind == "bytes unsealed":
        content = bytearray((folder / name).read_bytes())
        content[rng.integers(len(content))] ^= 255
        (folder / name).write_bytes(bytes(content))
    elif kind in UNSEALED:
        (folder / name).unlink()
        if kind == "a pipe":
            os.mkfifo(str(folder / name))
        elif kind == "a folder":
            (folder / name).mkdir()
        else:
            with (folder / name).open("wb") as file:
                file.truncate(2**33)


def judge(seed: int, *, simulated: bool) -> Outcome:
    """Runs `hardware.verify` on a bundle with a random change, and judges what it did."""
    rng = np.random.default_rng([seed, 11])
    kinds = (*SEALED, *UNSEALED)
    kind = kinds[seed % len(kinds)]
    with tempfile.TemporaryDirectory() as parent:
        folder, said = Path(parent) / "bundle", io.StringIO()
        _write(folder, kind, rng)
        began = time.monotonic()
        flags = [str(folder), *(["--simulated"] if simulated else [])]
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            status = verify.main(flags)
        took = time.monotonic() - began
        lines = said.getvalue().splitlines()
        if status == 0:
            reason = _too_far(store.load(str(folder)))
            return Outcome(kind, "broken" if reason else "accepted", reason, took)
    fine = status == 2 and len(lines) == 1 and "Traceback" not in lines[0]
    return Outcome(kind, "refused" if fine else "broken", " / ".join(lines), took)


def _too_far(contents: store.Bundle) -> str:
    """Says that the guard would exceed the maker's limits with this bundle; empty if not."""
    allowed = limits.smallest(limits.of_maker(), limits.of_bundle(contents))
    maker = limits.of_maker()
    names = tuple(contents.actuators) == tuple(shadow_hand.ACTUATORS)
    inside = (allowed.low >= maker.low).all() and (allowed.high <= maker.high).all()
    finite = all(np.isfinite(part).all() for part in allowed)
    return "" if names and inside and finite else "it moves the hand too far"


def main() -> None:
    """Judges many bundles and prints a table of the outcomes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundles", type=int, default=100, help="number of bundles (100)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first bundle (0)")
    flags = parser.parse_args()
    outcomes = []
    for seed in range(flags.seed, flags.seed + flags.bundles):
        outcomes.append(judge(seed, simulated=True))
        if outcomes[-1].ended == "broken":
            print(f"seed {seed}, {outcomes[-1].kind}: {outcomes[-1].reason}", flush=True)
    print("| kind | bundles | refused | accepted | broken | longest, s |")
    print("| --- | --- | --- | --- | --- | --- |")
    for kind in (*SEALED, *UNSEALED):
        rows = [outcome for outcome in outcomes if outcome.kind == kind]
        count = [sum(row.ended == end for row in rows) for end in ("refused", "accepted", "broken")]
        most = max((row.took for row in rows), default=0.0)
        print(f"| {kind} | {len(rows)} | {count[0]} | {count[1]} | {count[2]} | {most:.1f} |")


if __name__ == "__main__":
    main()
