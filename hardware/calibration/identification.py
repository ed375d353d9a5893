"""Fits the simulated hand to a log of `excitation`.

The sensors' offsets come first, from the fingertip positions that the tracker saw. Then each
actuator's motion is simulated open loop from the recorded initial state, and least squares fit the
parameters of the actuator and its joints while all others are fixed. This is the coordinate descent
of OpenAI (2018), appendix C.3, with all parameters of one actuator at once.

The optimiser is `mujoco.minimize`. The toolbox built on it, `mujoco.sysid`, needs controls that are
known in advance; here they depend on the joints, because of backlash.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import mujoco
import numpy as np
from mujoco import minimize

from hardware.base.errors import UserError
from hardware.base.frames import POLICY_FRAME
from hardware.bundle.kinematics import fingertips
from hardware.bundle.model_patch import Patch
from hardware.bundle.store import Bundle
from hardware.simulation import models
from hardware.simulation.hand import PERIOD, SimulatedHand
from hardware.trials import log

# Sweeps over all actuators: how long each simulates before it restarts from the log, s. Over short
# times an angle depends almost linearly on the parameters, over long times it does not.
SWEEPS = (0.4, float("inf"))
_ITERATIONS = 30  # of the optimiser, per actuator
_SETTLING = 2.0  # s left out at a motion's start, when the backlash's state is still unknown
_ERROR = 0.003  # rad, standard deviation of simulated angles, against the parameters' priors
_TIP_ERROR = 0.001  # m, the same for fingertip positions
_LARGEST_OFFSET = 0.3  # rad
_TIPS = 1000  # largest number of fingertip positions in the fit of the offsets

# Largest deviations of the parameters from the shipped model's, and their standard deviations a
# priori: logarithms of damping, friction loss and gain; limits, as shares of the joint's range and
# in rad.
_LOG_REACH, _LOG_PRIOR = np.log(10.0), 1.0
_SHIFT_REACH, _SHIFT_PRIOR = 0.4, 0.1
_RATE_BOUNDS = (0.5, 5.3)  # of the logarithms of backlash rates in 1/(rad s)
_LOSS = 0.01  # N m, initial friction loss of joints without any in the model
_FELT = 0.02  # rad, distance of the initial limits within the recorded range


@dataclasses.dataclass(frozen=True)
class Motion:
    """Recording of the hand while one actuator moved.

    Attributes:
        actuator: name of the actuator.
        angles: joint angles as read every `PERIOD`, `[n, 24]` rad.
        velocities: joint velocities at the same times, `[n, 24]` rad/s.
        before: targets before the motion, `[20]` rad.
        commands: targets `[20]` rad, by the index of the reading before them.
    """

    actuator: str
    angles: np.ndarray
    velocities: np.ndarray
    before: np.ndarray
    commands: dict[int, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Recording:
    """The content of a log.

    Attributes:
        motions: the motions in order.
        tip_angles: joint angles when fingertips were seen, `[m, 24]` rad.
        tips: fingertip positions in the policy's frame, `[m, 5, 3]` m; NaN where not seen.
    """

    motions: list[Motion]
    tip_angles: np.ndarray
    tips: np.ndarray


def read(path: str, bundle: Bundle) -> Recording:
    """Reads a log of `hardware.calibrate`.

    Raises:
        UserError: it is not such a log, or no actuator completed its motion.
    """
    stamps, angles, velocities, sent, tip_stamps, tips, spans = [], [], [], [], [], [], []
    order: list[int] = []
    for topic, time, row in log.read(path):
        if topic == "/joint_states":
            if not set(bundle.joints) <= set(row["names"]):
                raise UserError(
                    f"{path!r} lacks joints of the bundle; is it from a different hand?"
                )
            order = order or [row["names"].index(name) for name in bundle.joints]
            stamps.append(row["stamp"])
            angles.append(np.array(row["position"])[order])
            velocities.append(np.array(row["velocity"])[order])
        elif topic == "/command":
            sent.append((time, np.array(row["targets"])))
        elif topic == "/fingertips" and row["frame"] == POLICY_FRAME:
            tip_stamps.append(row["stamp"])
            tips.append(row["positions"])
        elif topic == "/excitation" and row["actuator"]:
            spans.append([row["actuator"], time, None])
        elif topic == "/excitation" and spans:
            spans[-1][2] = time
    times = np.array(stamps)
    known = times, np.array(angles), np.array(velocities)
    whole = [(name, begin, end) for name, begin, end in spans if end is not None]
    if not whole:
        raise UserError(f"{path!r}: no actuator completed its motion; record the log again")
    few = slice(None, None, max(len(tips) // _TIPS, 1))
    return Recording(
        motions=[_cut(*span, *known, sent) for span in whole],
        tip_angles=_at(np.array(tip_stamps[few]), times, known[1]),
        tips=np.array(tips[few], float).reshape(-1, 5, 3),
    )


def _cut(
    actuator: str,
    begin: float,
    end: float,
    stamps: np.ndarray,
    angles: np.ndarray,
    velocities: np.ndarray,
    sent: list[tuple[float, np.ndarray]],
) -> Motion:
    """Cuts one actuator's motion out of a recording; times in s."""
    count = round((end - begin) / PERIOD)
    times = begin + PERIOD * np.arange(count)
    number = {round((time - begin) / PERIOD): targets for time, targets in sent}
    return Motion(
        actuator,
        _at(times, stamps, angles),
        _at(times, stamps, velocities),
        [targets for time, targets in sent if time < begin][-1],
        {n: targets for n, targets in number.items() if 0 <= n < count},
    )


def _at(times: np.ndarray, stamps: np.ndarray, readings: np.ndarray) -> np.ndarray:
    """Readings `[n, 24]` with stamps `[n]`, interpolated at `times` `[m]`; `[m, 24]`."""
    columns = [np.interp(times, stamps, column) for column in readings.T]
    return np.stack(columns, axis=-1)


def fit_offsets(recording: Recording, bundle: Bundle) -> np.ndarray:
    """Fits each joint sensor's offset, reading minus angle, `[24]` rad.

    All are 0 if no fingertip was seen. Joints whose effects on the fingertips cannot be
    distinguished share an offset.
    """
    seen = np.isfinite(recording.tips)
    if not seen.any():
        return np.zeros(len(bundle.joints))

    def residual(offsets: np.ndarray) -> np.ndarray:
        off = fingertips(bundle.chain, recording.tip_angles - offsets) - recording.tips
        return np.concatenate([off[seen] / _TIP_ERROR, offsets / _SHIFT_PRIOR])

    bounds = np.full(len(bundle.joints), _LARGEST_OFFSET)
    return _least_squares(residual, np.zeros_like(bounds), -bounds, bounds, step=1e-5)


class Fit:
    """Fits a simulated hand to a recorded one.

    Args:
        bundle: bundle with the simulated hand.
        recording: recording of the other hand.
        offsets: the other hand's sensor offsets, `[24]` rad.

    Attributes:
        errors: root mean square errors of the joint angles by actuator, rad: before the first sweep
            and after each. Each motion is simulated open loop from its start.
    """

    def __init__(self, bundle: Bundle, recording: Recording, offsets: np.ndarray):
        self._hand, self._motions = SimulatedHand(bundle), recording.motions
        self._joints = bundle.joints
        self._hand.offsets, self._hand.backlash = offsets, bundle.backlash
        self._numbers = {
            m.actuator: _Numbers(bundle, self._hand.model, m.actuator) for m in self._motions
        }
        self._values = {
            m.actuator: self._numbers[m.actuator].start(m.angles - offsets) for m in self._motions
        }
        self.errors = {m.actuator: [_rms(self._deviation(m))] for m in self._motions}

    def sweep(self, window: float) -> None:
        """Fits the parameters of each actuator and its joints while the others' are fixed.

        Args:
            window: one of `SWEEPS`, s.
        """
        for motion in self._motions:
            numbers = self._numbers[motion.actuator]

            def residual(values, motion=motion, numbers=numbers):
                self._put(numbers, values)
                surprise = (values - numbers.prior) / numbers.deviation
                return np.concatenate([self._deviation(motion, window) / _ERROR, surprise])

            values = _least_squares(
                residual, self._values[motion.actuator], numbers.low, numbers.high, step=1e-3
            )
            self._put(numbers, values)
            self._values[motion.actuator] = values
        for motion in self._motions:
            self.errors[motion.actuator].append(_rms(self._deviation(motion)))

    def patch(self) -> Patch:
        """The fitted parameters, with sensor offsets of the wrist and of digits that moved.

        In a digit at rest, offsets of different joints cannot be distinguished.
        """
        found = [self._numbers[name].patch(values) for name, values in self._values.items()]
        joints = {name: dict(row) for patch in found for name, row in patch.joints.items()}
        moved = {"WR", *(name[len("rh_A_") :][:2] for name in self._values)}
        for name, offset in zip(self._joints, self._hand.offsets):
            if offset and name[len("rh_") :][:2] in moved:
                joints.setdefault(name, {})["offset"] = float(offset)
        actuators = {name: row for patch in found for name, row in patch.actuators.items()}
        return Patch(joints, actuators)

    def _put(self, numbers: _Numbers, values: np.ndarray) -> None:
        """Sets an actuator's parameters in the simulated hand."""
        models.apply_patch(numbers.patch(values), self._hand.model)
        self._hand.backlash[numbers.row] = np.exp(values[-2:])

    def _deviation(self, motion: Motion, window: float = float("inf")) -> np.ndarray:
        """Errors of the simulated angles of the moving joints at each reading, flat, rad."""
        simulated, columns = self._hand, self._numbers[motion.actuator].columns
        simulated.start(motion.before, angles=motion.angles[0] - simulated.offsets)
        simulated.take_object_away()
        angles = np.empty((len(motion.angles), len(columns)))
        every = round(min(window / PERIOD, len(angles)))
        for number in range(len(angles)):
            if number and number % every == 0:
                simulated.put(motion.angles[number] - simulated.offsets, motion.velocities[number])
            angles[number] = simulated.angles()[columns]
            if number in motion.commands:
                simulated.command(motion.commands[number])
            simulated.tick()
        off = angles + simulated.offsets[columns] - motion.angles[:, columns]
        return off[round(_SETTLING / PERIOD) :].ravel()


class _Numbers:
    """The parameters of an actuator and its joints as a vector.

    For each joint: logarithms of damping and friction loss relative to the model's, and shifts of
    its limits. For the actuator: logarithms of its gain relative to the model's, and of its
    backlash rates down and up.

    Attributes:
        row: index of the actuator.
        columns: indices of its joints.
        prior, deviation: mean and standard deviation of the prior, `[number]`.
        low, high: bounds, `[number]`.
    """

    def __init__(self, bundle: Bundle, model: mujoco.MjModel, actuator: str):
        self.row = bundle.actuators.index(actuator)
        self.columns = np.flatnonzero(bundle.coupling[self.row])
        joints = [model.joint(bundle.joints[column]) for column in self.columns]
        self._joints = {
            j.name: (j.damping[0], j.frictionloss[0] or _LOSS, *j.range) for j in joints
        }
        self._actuator, self._gain = actuator, float(model.actuator(actuator).gainprm[0])
        shifts = [_SHIFT_REACH * np.ptp(joint.range) for joint in joints]
        reach = [number for s in shifts for number in (_LOG_REACH, _LOG_REACH, s, s)]
        self.high = np.array([*reach, _LOG_REACH, 0.0, 0.0])
        self.low = -self.high
        self.deviation = np.where(self.high == _LOG_REACH, _LOG_PRIOR, _SHIFT_PRIOR)
        self.deviation[-2:] = _LOG_PRIOR
        self.prior = np.zeros(len(self.high))
        self.prior[-2:] = np.log(bundle.backlash[self.row])
        self.low[-2:], self.high[-2:] = _RATE_BOUNDS

    def start(self, angles: np.ndarray) -> np.ndarray:
        """Initial values, with limits just within the recorded angles `[n, 24]` rad.

        A limit that no joint reaches has no effect, so no fit could find it.
        """
        values = self.prior.copy()
        for index, (column, nominal) in enumerate(zip(self.columns, self._joints.values())):
            felt = angles[:, column].min() + _FELT, angles[:, column].max() - _FELT
            values[4 * index + 2 : 4 * index + 4] = np.subtract(felt, nominal[2:])
        return np.clip(values, self.low, self.high)

    def patch(self, values: np.ndarray) -> Patch:
        """The parameters as a model patch."""
        joints = {}
        for (name, nominal), row in zip(self._joints.items(), values[:-3].reshape(-1, 4)):
            damping, loss = nominal[:2] * np.exp(row[:2])
            low, high = nominal[2:] + row[2:]
            joints[name] = {
                "damping": float(damping),
                "frictionloss": float(loss),
                "low": float(low),
                "high": float(high),
            }
        gain, down, up = np.exp(values[-3:]) * [self._gain, 1.0, 1.0]
        actuator = {"gain": float(gain), "backlash_down": float(down), "backlash_up": float(up)}
        return Patch(joints, {self._actuator: actuator})


def _least_squares(
    residual: Callable[[np.ndarray], np.ndarray],
    start: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    *,
    step: float,
) -> np.ndarray:
    """Minimises a residual `[m]` over `[n]` bounded numbers; `step` is of finite differences."""

    def columns(points: np.ndarray) -> np.ndarray:
        return np.stack([residual(point) for point in points.T], axis=-1)

    found, _ = minimize.least_squares(
        start,
        columns,
        bounds=[low, high],
        eps=np.float64(step),
        xtol=1e-4,
        max_iter=_ITERATIONS,
        verbose=minimize.Verbosity.SILENT,
    )
    return found.ravel()


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
