"""Actuation terms: what happens to a command between the policy and the motors.

All come from OpenAI (2018), "Learning Dexterous In-Hand Manipulation": action noise, action delay,
tendon backlash, knocks against the object, uneven time steps. The simulator itself models none of
them. They are step terms, see `terms.StepTerm`: `begin_...` draws an episode's memory, and
`apply_...` changes the command of one control step, each for one environment.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import hand
from dactyl_jax.hand import patch
from dactyl_jax.randomization.terms import StepTerm


class Command(NamedTuple):
    """What one control step asks of the physics.

    Attributes:
        asked: the controller's request, `[20]`: unit actions in -1..1, later their average. In runs
            that smooth targets (`config.env.smoothed`), the targets in rad.
        targets: targets that the motors follow, `[20]` rad; initially the controller's.
        force: force on the object, world frame, `[3]` N.
        timestep: duration of each physics step, `[]` s; initially the nominal one.
    """

    asked: jax.Array
    targets: jax.Array
    force: jax.Array
    timestep: jax.Array


class ActuationScene(NamedTuple):
    """What the terms may read.

    Attributes:
        rest: request that leaves an actuator where it is, `[20]`: 0, or its angle.
        unit: size of a unit action in the units of the request, `[20]`: 1, or half the range.
        angles: current actuator angles, `[20]` rad; J1 + J2 for a coupled pair.
        object_mass: drawn mass of the object, `[]` kg.
        log_rates: backlash rates of the actuators, down and up, `[20, 2]`, see `log_rates`.
        control_dt: nominal duration of a control step, `[]` s.
        substeps: physics steps per control step, `[]` float.
    """

    rest: jax.Array
    unit: jax.Array
    angles: jax.Array
    object_mass: jax.Array
    log_rates: jax.Array
    control_dt: jax.Array
    substeps: jax.Array


class Offsets(NamedTuple):
    """Errors of each actuator over the episode, `[20]`: offset, and relative error."""

    offset: jax.Array
    stretch: jax.Array


def begin_action_noise(
    key: jax.Array, law: ConfigDict, strength: jax.Array, signal: Command, scene: ActuationScene
) -> Offsets:
    """Draws each actuator's offset and factor for the episode."""
    noise = jax.random.normal(key, signal.asked.shape)
    stretch = jax.random.normal(jax.random.fold_in(key, 1), signal.asked.shape)
    return Offsets(
        strength * law.additive_episode * scene.unit * noise,
        strength * law.multiplicative_episode * stretch,
    )


def apply_action_noise(
    key: jax.Array,
    law: ConfigDict,
    strength: jax.Array,
    memory: Offsets,
    signal: Command,
    scene: ActuationScene,
) -> tuple[Offsets, Command]:
    """Adds the episode's and the step's offsets, and scales the request relative to rest (Table 8).

    The paper redraws the factor in every step; the authors' later code keeps it for an episode.
    """
    noise, stretch = strength * jax.random.normal(key, (2, *signal.asked.shape))
    offset = memory.offset + law.additive_step * scene.unit * noise
    factor = law.multiplicative_step * stretch + memory.stretch
    asked = signal.asked + factor * (signal.asked - scene.rest) + offset
    return memory, signal._replace(asked=asked)


class Delay(NamedTuple):
    """Which actuators are late, `[20]` bool, and their previous request, `[20]`."""

    late: jax.Array
    issued: jax.Array


def begin_action_delay(
    key: jax.Array, law: ConfigDict, strength: jax.Array, signal: Command, scene: ActuationScene
) -> Delay:
    """Draws which actuators are late throughout the episode (C.2)."""
    late = jax.random.bernoulli(key, strength * law.probability, signal.asked.shape)
    return Delay(late, signal.asked)


def apply_action_delay(
    key: jax.Array,
    law: ConfigDict,
    strength: jax.Array,
    memory: Delay,
    signal: Command,
    scene: ActuationScene,
) -> tuple[Delay, Command]:
    """Late actuators execute the request of the previous control step (C.2).

    A late unit action is relative to the angle that the actuator has by then.
    """
    asked = jnp.where(memory.late, memory.issued, signal.asked)
    return memory._replace(issued=signal.asked), signal._replace(asked=asked)


# Logarithms of the rates [1/(rad s)] at which an actuator takes up its backlash on the way down and
# up, from the authors' later code (robogym, BacklashWrapper). Actuators not listed use `_TIGHT`.
# Down and up are swapped where the joint turns opposite to the manufacturer's (`_MIRRORED`).
_LOG_RATES = {
    "FFJ4": (4.25, 2.93),
    "FFJ0": (4.25, 1.86),
    "MFJ0": (1.92, 1.44),
    "RFJ3": (3.35, 2.98),
    "RFJ0": (4.25, 2.07),
    "LFJ3": (3.87, 2.94),
    "LFJ0": (1.39, 1.41),
    "THJ5": (4.25, 2.82),
    "THJ4": (1.25, 1.53),
    "THJ2": (2.86, 4.25),
    "THJ1": (2.10, 4.25),
}
_TIGHT = (4.25, 4.25)
_MIRRORED = ("FFJ4", "THJ2", "THJ1")


def log_rates(model: mujoco.MjModel, *, mirrored: bool = True) -> np.ndarray:
    """Logarithms of the rates at which actuators take up their backlash, down and up, `[20, 2]`.

    Rates come from the model patch where it has them, otherwise from robogym.

    Args:
        model: model of the hand.
        mirrored: whether robogym's rates are swapped where its joints turn the other way. The first
            version of this project did not swap them, and its policies require that.
    """
    published = np.array([_LOG_RATES.get(name[-4:], _TIGHT) for name in hand.ACTUATORS])
    if not mirrored:
        rows = [hand.ACTUATORS.index(f"rh_A_{name}") for name in _MIRRORED]
        published[rows] = published[rows, ::-1]
    rates = patch.backlash_rates(model)
    return np.where(rates > 0, np.log(np.where(rates > 0, rates, 1.0)), published)


class Play(NamedTuple):
    """Backlash of each actuator, `[20]`: position in -1..1 times the strength, and its rates.

    At the upper end upward motion passes, at the lower end downward motion; in between, none.
    """

    position: jax.Array
    down: jax.Array
    up: jax.Array


def begin_backlash(
    key: jax.Array, law: ConfigDict, strength: jax.Array, signal: Command, scene: ActuationScene
) -> Play:
    """Draws the rates, and a random position in the backlash: an episode starts in mid-motion."""
    key_rate, key_position = jax.random.split(key)
    nominal = scene.log_rates.T
    spread = 1 + strength * law.spread * jax.random.normal(key_rate, nominal.shape)
    down, up = jnp.maximum(jnp.exp(nominal * spread), law.slowest)
    return Play(strength * jax.random.uniform(key_position, down.shape, minval=-1), down, up)


def apply_backlash(
    key: jax.Array,
    law: ConfigDict,
    strength: jax.Array,
    memory: Play,
    signal: Command,
    scene: ActuationScene,
) -> tuple[Play, Command]:
    """Takes up the backlash first, then passes on the remaining motion (C.2).

    The backlash moves at its rate times the commanded motion. The fraction of the step that it
    needs to reach its end is lost; for the lost part the motor holds its angle. The strength is the
    half width of the backlash.
    """
    way = signal.targets - scene.angles
    motion = way * jnp.where(way < 0, memory.down, memory.up) * scene.control_dt
    gap = jnp.abs(strength * jnp.sign(way) - memory.position)
    lost = jnp.clip(gap / (jnp.abs(motion) + 1e-12), 0, 1)
    position = jnp.clip(memory.position + motion, -strength, strength)
    return memory._replace(position=position), signal._replace(targets=signal.targets - lost * way)


class Knocks(NamedTuple):
    """Probability of a knock per control step, `[]`, and the remaining force, `[3]` N."""

    probability: jax.Array
    force: jax.Array


def begin_object_force(
    key: jax.Array, law: ConfigDict, strength: jax.Array, signal: Command, scene: ActuationScene
) -> Knocks:
    """Draws the episode's probability of a knock, log-uniformly (C.2)."""
    ratio = law.probability_high / law.probability_low
    return Knocks(law.probability_low * ratio ** jax.random.uniform(key), jnp.zeros(3))


def apply_object_force(
    key: jax.Array,
    law: ConfigDict,
    strength: jax.Array,
    memory: Knocks,
    signal: Command,
    scene: ActuationScene,
) -> tuple[Knocks, Command]:
    """Applies a new force in some steps, otherwise the previous one, decayed (C.2)."""
    key_knock, key_force = jax.random.split(key)
    new = strength * law.acceleration * scene.object_mass * jax.random.normal(key_force, (3,))
    knock = jax.random.bernoulli(key_knock, strength * memory.probability)
    force = jnp.where(knock, new, law.decay * memory.force)
    return memory._replace(force=force), signal._replace(force=signal.force + force)


def begin_time_step(
    key: jax.Array, law: ConfigDict, strength: jax.Array, signal: Command, scene: ActuationScene
) -> jax.Array:
    """Draws the rate of the episode's exponential distribution, `[]` 1/s (C.2)."""
    return jax.random.uniform(key, minval=law.rate_low, maxval=law.rate_high)


def apply_time_step(
    key: jax.Array,
    law: ConfigDict,
    strength: jax.Array,
    memory: jax.Array,
    signal: Command,
    scene: ActuationScene,
) -> tuple[jax.Array, Command]:
    """Lengthens each physics step by an exponential variate (C.2).

    All physics steps of a control step have the same length, the mean of the exponentials. A Gamma
    variate gives their sum, so the duration of the control step has the exact distribution.
    """
    excess = jax.random.gamma(key, scene.substeps) / (scene.substeps * memory)
    return memory, signal._replace(timestep=signal.timestep + strength * excess)


# In the order in which a command meets them: actions are averaged after the first table, become
# targets after the second, and reach the motors after the third. Noise is in unit actions,
# acceleration in m/s^2 (per axis), decay per control step, rates in 1/s. Requests are in unit
# actions, or in rad if targets are smoothed.
ON_ACTIONS: tuple[StepTerm, ...] = (
    StepTerm(
        name="action_noise",
        family="unmodelled",
        source="OpenAI 2018, Table 8; the factor of an episode: robogym",
        law={
            "additive_episode": 0.03,
            "additive_step": 0.1,
            "multiplicative_episode": 0.03,
            "multiplicative_step": 0.0,
        },
        begin=begin_action_noise,
        apply=apply_action_noise,
        units={"offset": "1 or rad"},
    ),
)
ON_AVERAGES: tuple[StepTerm, ...] = (
    StepTerm(
        name="action_delay",
        family="unmodelled",
        source="OpenAI 2018, C.2",
        law={"probability": 0.5},
        begin=begin_action_delay,
        apply=apply_action_delay,
        units={"issued": "1 or rad"},
    ),
)
ON_MOTORS: tuple[StepTerm, ...] = (
    StepTerm(
        name="backlash",
        family="unmodelled",
        source="OpenAI 2018, C.2; rates of robogym",
        law={"spread": 0.1, "slowest": 2.0},
        begin=begin_backlash,
        apply=apply_backlash,
        units={"down": "1/(rad s)", "up": "1/(rad s)"},
    ),
    StepTerm(
        name="object_force",
        family="unmodelled",
        source="OpenAI 2018, C.2",
        law={
            "probability_low": 0.001,
            "probability_high": 0.1,
            "acceleration": 1.0,
            "decay": 0.99,
        },
        begin=begin_object_force,
        apply=apply_object_force,
        units={"force": "N"},
    ),
    StepTerm(
        name="time_step",
        family="unmodelled",
        source="OpenAI 2018, C.2",
        law={"rate_low": 1250.0, "rate_high": 10000.0},
        begin=begin_time_step,
        apply=apply_time_step,
        units={"": "1/s"},
    ),
)
TERMS: tuple[StepTerm, ...] = (*ON_ACTIONS, *ON_AVERAGES, *ON_MOTORS)
