"""Classifies grasps, ways to rotate the object, and failures, from contacts.

The grasps are those that OpenAI (2018) found in its policies (Section 6.1, Figure 7), named as in
the literature on human hands. The ways to rotate are those described there: pivoting, sliding and
finger gaiting. OpenAI classified by eye; the rules here are this project's.
"""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from matplotlib.figure import Figure

from dactyl_jax import hand
from dactyl_jax.envs import Reorientation
from dactyl_jax.evaluation import plotting, tables
from dactyl_jax.evaluation.recording import Played, render

DIGITS = ("th", "ff", "mf", "rf", "lf")
GRASPS = {
    "tip pinch": "thumb and one finger, both with their tips",
    "palmar pinch": "thumb and one finger, not both with their tips",
    "tripod": "thumb and two fingers",
    "quadpod": "thumb and three fingers",
    "five-finger": "thumb and four fingers",
    "power": "palm, thumb and at least one finger",
    "palm and fingers": "palm and fingers, without the thumb",
    "palm": "the palm alone, or with the thumb",
    "without thumb": "fingers alone",
    "free": "nothing touches the object",
}
WAYS = {
    "pivoting": "rotates about the line between two digits that hold it, faster than 0.5 rad/s",
    "sliding": "a digit's contact moves over the object faster than 2 cm/s",
    "gaiting": "a digit lifts and returns within 1 s, 1 cm away, while another digit touches",
}
FAILURES = {
    "wrist pitch": "dropped after the wrist pitched down by 0.1 rad or more in the last second",
    "early drop": "dropped within 2 s of the start",
    "other drop": "dropped otherwise",
    "stuck": "timed out after the object rotated less than 0.2 rad in the last 2 s",
    "time-out": "timed out while it rotated",
}
_TOUCH = 5e-4  # m: maximum distance of a contact
_TIP = 0.018  # m along the distal link, start of the tip; the link ends at 0.026
_PIVOT_SPEED = 0.5  # rad/s
_PIVOT_COSINE = np.cos(np.radians(30))
_SLIDE_SPEED = 0.02  # m/s
_HELD_S = 0.24  # s, minimum duration of a grasp
_PICTURES = 5  # per film strip
_SIZE = (480, 360)  # of a rendered image, pixels
_ROWS, _COLUMNS = slice(20, 350), slice(30, 350)  # crop: the hand, and an edge of the goal
_GAIT_AWAY_S, _GAIT_DISTANCE = 1.0, 0.01  # s, m


@dataclasses.dataclass(frozen=True)
class Touches:
    """Contacts with the object, one row per moment.

    Attributes:
        digits: whether each of `DIGITS` touches it, `[time, 5]`.
        tips: whether each touches it with the tip, `[time, 5]`.
        palm: whether the palm, including the metacarpals, touches it, `[time]`.
        points: mean contact point of each digit in the object's frame, `[time, 5, 3]` m; NaN
            without contact.
        rotation: the object's orientation in the world as a matrix, `[time, 3, 3]`.
    """

    digits: np.ndarray
    tips: np.ndarray
    palm: np.ndarray
    points: np.ndarray
    rotation: np.ndarray


def touches(model: mujoco.MjModel, qpos: np.ndarray) -> Touches:
    """Finds the contacts in successive states of one hand.

    Args:
        model: model of hand and object.
        qpos: `[time, nq]`.
    """
    data = mujoco.MjData(model)
    body = model.body("object").id
    owner = [_digit(model.body(number).name) for number in range(model.nbody)]
    distal = [model.body(number).name.endswith("distal") for number in range(model.nbody)]
    count = len(qpos)
    digits, tips = np.zeros((count, 5), bool), np.zeros((count, 5), bool)
    palm, points = np.zeros(count, bool), np.full((count, 5, 3), np.nan)
    rotation = np.empty((count, 3, 3))
    for row, state in enumerate(qpos):
        data.qpos[:] = state
        mujoco.mj_kinematics(model, data)
        mujoco.mj_collision(model, data)
        rotation[row] = data.xmat[body].reshape(3, 3)
        found: dict[int, list[np.ndarray]] = {}
        bodies = model.geom_bodyid[data.contact.geom]
        for (first, second), position, gap in zip(
            bodies, data.contact.pos, data.contact.dist, strict=True
        ):
            if body not in (first, second) or gap > _TOUCH:
                continue
            other = second if first == body else first
            digit = owner[other]
            if digit is None:
                palm[row] = True
                continue
            along = (position - data.xpos[other]) @ data.xmat[other].reshape(3, 3)
            tips[row, digit] |= distal[other] and along[2] > _TIP
            found.setdefault(digit, []).append((position - data.xpos[body]) @ rotation[row])
        for digit, places in found.items():
            digits[row, digit], points[row, digit] = True, np.mean(places, axis=0)
    return Touches(digits, tips, palm, points, rotation)


def _digit(body: str) -> int | None:
    """The index in `DIGITS` of a body; None for palm, wrist and metacarpal."""
    name = body.removeprefix("rh_")
    return DIGITS.index(name[:2]) if name[:2] in DIGITS and "metacarpal" not in name else None


def grasps(seen: Touches) -> np.ndarray:
    """Index in `GRASPS` of the grasp at each moment, `[time]`."""
    thumb, fingers = seen.digits[:, 0], seen.digits[:, 1:].sum(axis=1)
    by_tips = (seen.tips == seen.digits).all(axis=1)
    rules = {
        "power": seen.palm & thumb & (fingers > 0),
        "palm and fingers": seen.palm & ~thumb & (fingers > 0),
        "palm": seen.palm,
        "tip pinch": thumb & (fingers == 1) & by_tips,
        "palmar pinch": thumb & (fingers == 1),
        "tripod": thumb & (fingers == 2),
        "quadpod": thumb & (fingers == 3),
        "five-finger": thumb & (fingers == 4),
        "without thumb": thumb | (fingers > 0),
        "free": np.ones_like(thumb),
    }
    names = list(GRASPS)
    return np.select(list(rules.values()), [names.index(name) for name in rules])


def ways(seen: Touches, control_dt: float) -> dict[str, np.ndarray]:
    """Which of `WAYS` occur at each moment, `[time]` bool each; never at the first.

    Args:
        seen: successive moments of one episode.
        control_dt: time between moments, s.
    """
    count = len(seen.palm)
    result = {name: np.zeros(count, bool) for name in WAYS}
    turned = _rotation_vectors(seen.rotation) / control_dt
    away = round(_GAIT_AWAY_S / control_dt)
    for t in range(1, count):
        here, before = seen.points[t], seen.points[t - 1]
        moved = np.linalg.norm(here - before, axis=1) / control_dt
        result["sliding"][t] = bool(np.any(moved > _SLIDE_SPEED))  # NaN compares as False
        result["pivoting"][t] = _pivots(turned[t - 1], seen, t)
        for digit in np.flatnonzero(seen.digits[t] & ~seen.digits[t - 1]):
            last = np.flatnonzero(seen.digits[max(t - away, 0) : t, digit])
            if len(last):
                left = max(t - away, 0) + last[-1]
                distance = np.linalg.norm(here[digit] - seen.points[left, digit])
                others = np.delete(seen.digits[left : t + 1], digit, axis=1)
                if distance > _GAIT_DISTANCE and others.any(axis=1).all():
                    result["gaiting"][t] = True
    return result


def _pivots(velocity: np.ndarray, seen: Touches, t: int) -> bool:
    """Whether the object rotates about the line between two digits without touching the palm."""
    holding = np.flatnonzero(seen.digits[t])
    speed = np.linalg.norm(velocity)
    if len(holding) != 2 or seen.palm[t] or speed < _PIVOT_SPEED:
        return False
    line = seen.points[t, holding[1]] - seen.points[t, holding[0]]
    length = np.linalg.norm(line)
    return bool(length > 0 and abs(line @ velocity) > _PIVOT_COSINE * speed * length)


def _rotation_vectors(rotation: np.ndarray) -> np.ndarray:
    """Rotations from each moment to the next in the object's frame, `[time - 1, 3]` rad."""
    turn = np.swapaxes(rotation[:-1], 1, 2) @ rotation[1:]
    trace = np.trace(turn, axis1=1, axis2=2)
    angle = np.arccos(np.clip((trace - 1) / 2, -1, 1))
    axis = np.stack(
        [
            turn[:, 2, 1] - turn[:, 1, 2],
            turn[:, 0, 2] - turn[:, 2, 0],
            turn[:, 1, 0] - turn[:, 0, 1],
        ],
        axis=1,
    )
    length = np.linalg.norm(axis, axis=1)
    return axis * (angle / np.maximum(length, 1e-9))[:, None]


def failure(
    seen: Touches, wrist: np.ndarray, control_dt: float, ended: Mapping[str, bool]
) -> str | None:
    """Classifies how an episode ended, one of `FAILURES`; None at the goal cap.

    Args:
        seen: the whole episode.
        wrist: angle of the wrist pitch joint WRJ1, `[time]` rad.
        control_dt: time between moments, s.
        ended: whether it ended with `dropped` and with `timed_out`.
    """
    second = round(1 / control_dt)
    if ended["dropped"]:
        if wrist[-second:].max() - wrist[-1] >= 0.1:  # towards the fingers' side
            return "wrist pitch"
        return "early drop" if len(wrist) * control_dt < 2 else "other drop"
    if ended["timed_out"]:
        turned = np.linalg.norm(_rotation_vectors(seen.rotation[-2 * second :]), axis=1).sum()
        return "stuck" if turned < 0.2 else "time-out"
    return None


def tell(model: mujoco.MjModel, played: Played, control_dt: float) -> dict[str, Any]:
    """Counts grasps, ways to rotate and failures of many hands.

    Args:
        model: model of hand and object without randomisation, as simulated.
        played: the recorded hands.
        control_dt: duration of a control step, s.

    Returns:
        `grasps` and `ways` by name: the `share` of time, and `times`, the number of grasps held for
        a quarter of a second, or of times a way began. A grasp's `example` is its longest hold:
        hand, first row and number of rows, or None if shorter than that. `failures`: number of
        episodes by how they ended.
    """
    pitch = hand.layout(model).joint_qpos[hand.JOINTS.index("rh_WRJ1")]
    held = round(_HELD_S / control_dt)
    moments: Counter[str] = Counter()
    times: Counter[str] = Counter()
    longest: dict[str, tuple[int, int, int]] = {}
    ends: Counter[str] = Counter()
    for number, (first, last) in _episodes(np.asarray(played.outcome.done)):
        qpos = played.qpos[first:last, number]
        if not len(qpos):
            continue
        seen = touches(model, qpos)
        for grasp, start, length in _runs(grasps(seen)):
            name = list(GRASPS)[grasp]
            moments[name] += length
            times[name] += length >= held
            if length >= max(held, longest.get(name, (0, 0, 0))[2] + 1):
                longest[name] = (number, int(first + start), int(length))
        for name, active in ways(seen, control_dt).items():
            moments[name] += int(active.sum())
            times[name] += sum(1 for value, _, _ in _runs(active) if value)
        if last < len(played.qpos):
            ended = {
                way: bool(getattr(played.outcome, way)[last, number])
                for way in ("dropped", "timed_out")
            }
            how = failure(seen, qpos[:, pitch], control_dt, ended)
            ends[how or "no failure"] += 1
    total = sum(moments[name] for name in GRASPS)

    def counted(name: str) -> dict[str, Any]:
        return {"share": moments[name] / total, "times": times[name]}

    return {
        "grasps": {
            name: counted(name) | {"example": list(longest[name]) if name in longest else None}
            for name in GRASPS
        },
        "ways": {name: counted(name) for name in WAYS},
        "failures": {name: ends[name] for name in (*FAILURES, "no failure")},
        "minutes": total * control_dt / 60,
    }


def _episodes(done: np.ndarray) -> Iterator[tuple[int, tuple[int, int]]]:
    """Hand, first row and end row (exclusive) of each episode; `done` is `[time, hand]`.

    The row where an episode ended is the start of the next one.
    """
    for number, column in enumerate(done.T):
        starts = [0, *np.flatnonzero(column).tolist()]
        for span in zip(starts, [*starts[1:], len(column)], strict=True):
            yield number, span


def _runs(values: np.ndarray) -> Iterator[tuple[Any, int, int]]:
    """Value, start and length of each run of equal values."""
    edges = (np.flatnonzero(np.diff(values)) + 1).tolist()
    for start, end in itertools.pairwise([0, *edges, len(values)]):
        yield values[start], start, end - start


def markdown(record: Mapping[str, Any]) -> str:
    """Renders the tables of `tell`'s result, with definitions and provenance.

    Args:
        record: as written by `experiments.grasps`.
    """
    minutes = record["minutes"]
    lines = [
        f"{record['hands']} hands, {minutes:.0f} simulated minutes in total, policy "
        f"`{record['policy']}` ({record['years']:.2g} years), {record['goals']} goals, "
        f"{record['goal_timeout_s']:g} s per goal, no randomisation, seed {record['seed']}. "
        "*Per minute*: grasps held for at least a quarter of a second, or times a way began, per "
        "simulated minute of one hand.",
        "",
    ]
    lines += tables.head(["grasp", "touching", "share of time", "per minute"])
    lines += _rows(record["grasps"], GRASPS, minutes)
    lines += ["", *tables.head(["way to rotate", "when", "share of time", "per minute"])]
    lines += _rows(record["ways"], WAYS, minutes)
    lines += ["", *tables.head(["end of an episode", "when", "episodes"])]
    meanings = FAILURES | {"no failure": "the goal cap was reached"}
    lines += [
        tables.line([name, meanings[name], str(count)])
        for name, count in record["failures"].items()
    ]
    commit = (record["commit"] or "unknown")[:7]
    made = f"on {record['date']} at commit `{commit}` on {record['machine']}"
    lines += ["", f"`{record['command']}`: made {made}."]
    return "\n".join(lines)


def _rows(
    found: Mapping[str, Mapping[str, Any]], meanings: Mapping[str, str], minutes: float
) -> list[str]:
    return [
        tables.line([name, meaning, f"{found[name]['share']:.3f}", f"{rate:.1f}"])
        for name, meaning in meanings.items()
        for rate in (found[name]["times"] / minutes,)
    ]


def draw_strips(told: Mapping[str, Any], played: Played, env: Reorientation, path: Path) -> None:
    """Draws a PNG, written atomically: a film strip of the longest hold of each grasp, from start
    to end.

    Args:
        told: result of `tell`.
        played: the recorded hands that it describes.
        env: determines the object and the palm's tilt.
        path: output file.
    """
    examples = {n: found["example"] for n, found in told["grasps"].items() if found["example"]}
    hands, first, count = np.array([*examples.values()]).T[:, :, None]
    rows = first + np.round(np.linspace(0, 1, _PICTURES) * (count - 1)).astype(int)
    qpos, goal = played.qpos[rows, hands], played.goal[rows, hands]
    pictures = render(env, qpos.reshape(-1, qpos.shape[-1]), goal.reshape(-1, 4), *_SIZE)
    pictures = pictures[:, _ROWS, _COLUMNS].reshape(
        *rows.shape, -1, _COLUMNS.stop - _COLUMNS.start, 3
    )
    figure = Figure(figsize=(1.75 * _PICTURES, 1.75 * len(examples)), dpi=100)
    figure.set_layout_engine("constrained")
    panels = figure.subplots(*rows.shape, squeeze=False)
    for strip, line, name in zip(pictures, panels, examples, strict=True):
        line[0].set_ylabel(name, fontsize=9)
        for picture, panel in zip(strip, line, strict=True):
            panel.imshow(picture)
            panel.set_xticks([])
            panel.set_yticks([])
    plotting.save(figure, path)
