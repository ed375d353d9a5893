"""Actuation terms: what becomes of a command on its way from the policy to the motors.

All are of OpenAI (2018), "Learning Dexterous In-Hand Manipulation", and none is modelled by the
simulator itself: noisy and late actions, play in the tendons, knocks against the object, uneven
time. They are step terms, see `terms.StepTerm`: `begin_...` draws an episode's memory and
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
        asked: of the controller, `[20]`: unit actions in -1..1, and then their average; in runs
            that smooth targets (`config.env.smoothed`), these, in rad.
        targets: that the motors follow, `[20]` rad; the controller's come in.
        force: on the object, world frame, `[3]` N.
        timestep: of each physics step, `[]` s; the nominal one comes in.
    """

    asked: jax.Array
    targets: jax.Array
    force: jax.Array
    timestep: jax.Array


class ActuationScene(NamedTuple):
    """What the terms may look at.

    Attributes:
        rest: what is asked of an actuator that shall stay where it is, `[20]`: 0, or its angle.
        unit: what a unit action is in the units of what is asked, `[20]`: 1, or half the range.
        angles: of the actuators now, `[20]` rad; J1 + J2 of a coupled pair.
        object_mass: as drawn, `[]` kg.
        log_rates: of the actuators' play, down and up, `[20, 2]`, see `log_rates`.
        control_dt: nominal duration of a control step, `[]` s.
        substeps: physics steps of a control step, `[]` float.
    """

    rest: jax.Array
    unit: jax.Array
    angles: jax.Array
    object_mass: jax.Array
    log_rates: jax.Array
    control_dt: jax.Array
    substeps: jax.Array


class Offsets(NamedTuple):
    """The episode's errors of each actuator, `[20]`: of what is asked, and of its factor."""

    offset: jax.Array
    stretch: jax.Array


def begin_action_noise(
    key: jax.Array, law: ConfigDict, strength: jax.Array, signal: Command, scene: ActuationScene
) -> Offsets:
    """Draws offset and factor of each actuator for the episode."""
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
    """Offsets of the episode and of the step; a factor on what is asked beyond staying (Table 8).

    The paper's factor is new in every step, that of the group's later code holds for an episode.
    """
    noise, stretch = strength * jax.random.normal(key, (2, *signal.asked.shape))
    offset = memory.offset + law.additive_step * scene.unit * noise
    factor = law.multiplicative_step * stretch + memory.stretch
    asked = signal.asked + factor * (signal.asked - scene.rest) + offset
    return memory, signal._replace(asked=asked)


class Delay(NamedTuple):
    """Which actuators are late, `[20]` bool, and what was asked of them last, `[20]`."""

    late: jax.Array
    issued: jax.Array


def begin_action_delay(
    key: jax.Array, law: ConfigDict, strength: jax.Array, signal: Command, scene: ActuationScene
) -> Delay:
    """Draws for each actuator whether it is late throughout the episode (C.2)."""
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
    """Late actuators do what was asked of them one control step before (C.2).

    A late unit action acts about the angle that the actuator has by then.
    """
    asked = jnp.where(memory.late, memory.issued, signal.asked)
    return memory._replace(issued=signal.asked), signal._replace(asked=asked)


# Logarithms of the rates [1/(rad s)] at which an actuator takes up its play on the way down and
# up, from the group's later code (robogym, BacklashWrapper); actuators not named are `_TIGHT`.
# Where its joint turns the other way than the maker's, down and up are exchanged (`_MIRRORED`).
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
    """Logarithms of the rates at which actuators take up their play, down and up, `[20, 2]`.

    A model patch's where it has them, else those of the group.

    Args:
        model: of the hand.
        mirrored: whether the group's rates are exchanged where its joints turn the other way; the
            first version of this project did not, and its policies keep to it.
    """
    published = np.array([_LOG_RATES.get(name[-4:], _TIGHT) for name in hand.ACTUATORS])
    if not mirrored:
        rows = [hand.ACTUATORS.index(f"rh_A_{name}") for name in _MIRRORED]
        published[rows] = published[rows, ::-1]
    rates = patch.backlash_rates(model)
    return np.where(rates > 0, np.log(np.where(rates > 0, rates, 1.0)), published)


class Play(NamedTuple):
    """Where each actuator stands in its play, in -1..1 times the strength, and its rates, `[20]`.

    At the upper end motion upwards passes, at the lower end motion downwards; in between, none.
    """

    position: jax.Array
    down: jax.Array
    up: jax.Array


def begin_backlash(
    key: jax.Array, law: ConfigDict, strength: jax.Array, signal: Command, scene: ActuationScene
) -> Play:
    """Draws the rates, and a place anywhere in the play: an episode starts in mid-motion."""
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
    """Takes up play first, and passes on what is left of the way (C.2).

    The play moves at its rate times the way to go; the share of the step in which it moves
    before it meets its end is lost, and for a lost way the motor holds the angle it has. The
    strength is the half width of the play.
    """
    way = signal.targets - scene.angles
    motion = way * jnp.where(way < 0, memory.down, memory.up) * scene.control_dt
    gap = jnp.abs(strength * jnp.sign(way) - memory.position)
    lost = jnp.clip(gap / (jnp.abs(motion) + 1e-12), 0, 1)
    position = jnp.clip(memory.position + motion, -strength, strength)
    return memory._replace(position=position), signal._replace(targets=signal.targets - lost * way)


class Knocks(NamedTuple):
    """Probability of a knock in a control step, `[]`, and the force that is left, `[3]` N."""

    probability: jax.Array
    force: jax.Array


def begin_object_force(
    key: jax.Array, law: ConfigDict, strength: jax.Array, signal: Command, scene: ActuationScene
) -> Knocks:
    """Draws how often the object is knocked in the episode, log-uniformly (C.2)."""
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
    """A new force in some steps, in all others the last one, fading (C.2)."""
    key_knock, key_force = jax.random.split(key)
    new = strength * law.acceleration * scene.object_mass * jax.random.normal(key_force, (3,))
    knock = jax.random.bernoulli(key_knock, strength * memory.probability)
    force = jnp.where(knock, new, law.decay * memory.force)
    return memory._replace(force=force), signal._replace(force=signal.force + force)


def begin_time_step(
    key: jax.Array, law: ConfigDict, strength: jax.Array, signal: Command, scene: ActuationScene
) -> jax.Array:
    """The rate of the exponential law, `[]` 1/s, for the episode (C.2)."""
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

    The physics steps of a control step share one length, the mean of theirs: a Gamma variate
    gives the sum of the exponentials, so the control step lasts exactly as the law has it.
    """
    excess = jax.random.gamma(key, scene.substeps) / (scene.substeps * memory)
    return memory, signal._replace(timestep=signal.timestep + strength * excess)


# In the order in which a command meets them: actions are averaged after the first table, become
# targets after the second, and reach the motors by the third. Noise is in unit actions,
# acceleration in m/s^2 (per axis), decay per control step, rates in 1/s. What is asked is in unit
# actions, or in rad where targets are smoothed.
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
