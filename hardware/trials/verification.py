"""Whether this machine does what the training code did, by the golden episodes of a bundle.

Observations, assembled here from the recorded readings, logits, actions, their averages and targets
are those of training, and so is what the pose network, if there is one, sees in pictures.
"""

from __future__ import annotations

import numpy as np

from hardware.base import confined, rotations
from hardware.base.errors import UserError
from hardware.bundle.kinematics import fingertips
from hardware.bundle.store import Bundle
from hardware.policy import actions, observation
from hardware.policy.controller import action_map
from hardware.policy.network import Policy
from hardware.sight.estimator import Estimator

LOGIT_TOLERANCE = 1e-4
OBSERVATION_TOLERANCE = 1e-5  # in each part's own unit
POSITION_TOLERANCE = 1e-4  # m, of what is seen in pictures
PLACE_TOLERANCE = 1e-4  # of a picture's half width
ORIENTATION_TOLERANCE = 1e-3  # rad
DOUBT_TOLERANCE = 1e-4  # of its cosine
# What is equal in every bit.
_OF_ACTIONS = ("average", "weight", "next_average", "next_weight", "targets")


def in_its_own_process(folder: str, *, simulated: bool = False) -> str:
    """Lets `hardware.verify` judge a bundle within limits of memory and time.

    Args:
        folder: the bundle's.
        simulated: whether the simulated hand is to be built, too.

    Returns:
        Its report.

    Raises:
        UserError: something differs, or cannot be; the message says what.
    """
    flags = ["--here", *(["--simulated"] if simulated else [])]
    return confined.run("hardware.verify", [folder, *flags], repr(folder))


def verify(contents: Bundle) -> dict[str, float]:
    """Compares with the golden episodes.

    Their arrays are `[episode, step, ...]`: `joint_angles`, `joint_velocities`, `previous` targets,
    object `position`, `orientation` and `goal` are readings; the `average` of the actions before
    the step and its `weight`; `observation`, `first` (of an episode), one array of memory before
    the step for each of the network's, `logits`, `uniform`, and what came of them: the `greedy`
    action, the `sampled` one, which was taken, `next_average`, `next_weight` and `targets`.
    Golden pictures are `[frame, ...]`: `pictures` from the cameras, the `place` of the points in
    them, and the `position`, `orientation` and `doubt` of the pose.

    Returns:
        How many steps there were and how far each result is off at most, by name.

    Raises:
        UserError: something differs; the message says what, where and by how much.
    """
    golden = contents.golden()
    off = {
        "observation": _observations(contents, golden),
        "logits": _logits(contents, golden, remember=False),
        "logits over whole episodes": _logits(contents, golden, remember=True),
        **_actions(contents, golden),
    }
    if contents.pose_network:
        off.update(_pictures(contents))
    return {"steps": golden["first"].size, **off}


def _observations(contents: Bundle, golden: dict[str, np.ndarray]) -> float:
    parts = [part["name"] for part in contents.contract["observation"]["parts"]]
    chain, worst = contents.chain, 0.0
    for at in np.ndindex(golden["first"].shape):
        readings = observation.Readings(
            joint_angles=golden["joint_angles"][at],
            fingertips=fingertips(chain, golden["joint_angles"][at]),
            joint_velocities=golden["joint_velocities"][at],
            targets=golden["previous"][at],
            action_average=golden["average"][at],
            position=golden["position"][at],
            orientation=golden["orientation"][at],
            goal=golden["goal"][at],
        )
        ours = observation.assemble(parts, readings)
        worst = max(worst, _close("observation", at, ours, golden, OBSERVATION_TOLERANCE))
    return worst


def _logits(contents: Bundle, golden: dict[str, np.ndarray], *, remember: bool) -> float:
    """Logits from the recorded memory, or from this machine's own since an episode's start."""
    policy, worst = Policy(contents), 0.0
    recorded = [golden[name] for name in contents.contract["memory"]["inputs"]]
    for at in np.ndindex(golden["first"].shape):
        if golden["first"][at]:
            memory = policy.initial_memory()
        elif not remember or at[1] == 0:
            memory = tuple(array[at][None] for array in recorded)
        logits, memory = policy.logits(golden["observation"][at], memory)
        worst = max(worst, _close("logits", at, logits, golden, LOGIT_TOLERANCE))
        _same("greedy", at, actions.most_probable(logits), golden)
        _same("sampled", at, actions.sample(logits, golden["uniform"][at]), golden)
    return worst


def _actions(contents: Bundle, golden: dict[str, np.ndarray]) -> dict[str, float]:
    """How far averages and targets are off at most, by name; averages since an episode's start."""
    to_targets, worst = action_map(contents), dict.fromkeys(_OF_ACTIONS, 0.0)
    average = to_targets.begin()
    for at in np.ndindex(golden["first"].shape):
        before = to_targets.begin() if golden["first"][at] else average
        targets, average = to_targets.step(
            golden["sampled"][at], golden["joint_angles"][at], golden["previous"][at], before
        )
        for name, ours in zip(_OF_ACTIONS, (*before, *average, targets)):
            worst[name] = max(worst[name], _close(name, at, np.asarray(ours), golden, 0.0))
    return worst


def _pictures(contents: Bundle) -> dict[str, float]:
    """How far what is seen in the golden pictures is off at most, by name."""
    golden, estimator = contents.golden_pictures(), Estimator(contents)
    worst = {
        "places in pictures": (0.0, PLACE_TOLERANCE),
        "position in pictures": (0.0, POSITION_TOLERANCE),
        "orientation in pictures": (0.0, ORIENTATION_TOLERANCE),
        "cosine of the doubt in pictures": (0.0, DOUBT_TOLERANCE),
    }
    for frame, pictures in enumerate(golden["pictures"]):
        ours = estimator.estimate(pictures)
        place = estimator.look(pictures).seen.place
        turn = rotations.conjugate(golden["orientation"][frame])
        off = (
            np.abs(place - golden["place"][frame]).max(),
            np.abs(ours.position - golden["position"][frame]).max(),
            rotations.angle(rotations.multiply(ours.orientation, turn)),
            abs(np.cos(ours.doubt) - np.cos(golden["doubt"][frame])),
        )
        for (name, (before, tolerance)), now in zip(worst.items(), off):
            if not now <= tolerance:  # True for NaN
                raise _otherwise(f"{name}: golden frame {frame} is", now, tolerance)
            worst[name] = max(before, float(now)), tolerance
    return {name: most for name, (most, _) in worst.items()}


def _close(
    what: str,
    at: tuple[int, ...],
    ours: np.ndarray,
    golden: dict[str, np.ndarray],
    tolerance: float,
) -> float:
    """How far numbers are off at most; refuses more than a tolerance."""
    off = float(np.abs(ours - golden[what][at]).max())
    if not off <= tolerance:  # True for NaN
        raise _otherwise(f"{what} of golden episode {at[0]}, step {at[1]}, are", off, tolerance)
    return off


def _otherwise(what: str, off: float, tolerance: float) -> UserError:
    return UserError(
        f"{what} off by {off:.2g}, more than {tolerance:g}: this machine computes otherwise, do "
        "not run the policy on it"
    )


def _same(what: str, at: tuple[int, ...], ours: np.ndarray, golden: dict[str, np.ndarray]) -> None:
    if not np.array_equal(ours, golden[what][at]):
        raise UserError(
            f"the {what} action of golden episode {at[0]}, step {at[1]}, is another than in "
            "training: this machine computes otherwise, do not run the policy on it"
        )


def report(off: dict[str, float]) -> str:
    """Lines about a result of `verify`."""
    lines = [f"{off['steps']:g} steps of the training code, the same actions in each; off at most:"]
    lines += [f"  {name}: {value:.2g}" for name, value in off.items() if name != "steps"]
    return "\n".join(lines)
