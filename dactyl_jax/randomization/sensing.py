"""Sensing terms: errors in what the policy reads of the world.

Motion-capture markers on the fingertips and the object are noisy, misplaced, late or lost. Only the
policy's readings pass through here; the value function and the reward use the true state. Sections
and tables refer to OpenAI (2018), "Learning Dexterous In-Hand Manipulation".
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from ml_collections import ConfigDict

from dactyl_jax.hand import rotations, surface
from dactyl_jax.randomization.terms import StepTerm

# Position of a marker relative to its fingertip, in the distal link's frame [m]: on the nail.
MARKER = np.array([0.0, 0.0083, -0.0085])


class Sensed(NamedTuple):
    """Sensor readings, in the `rh_forearm` frame.

    Attributes:
        fingertips: FF, MF, RF, LF, TH, `[5, 3]` m.
        position: position of the object's centre, `[3]` m.
        orientation: orientation of the object, `[4]`.
    """

    fingertips: jax.Array
    position: jax.Array
    orientation: jax.Array


class SensingScene(NamedTuple):
    """The true state on which sensor errors depend.

    Attributes:
        links: orientations of the distal links in the `rh_forearm` frame, `[5, 4]`.
        spacing: distance from each fingertip's marker to the nearest other marker, `[5]` m.
        clearance: distance from each fingertip's marker to the object's surface, `[5]` m, negative
            inside.
        control_dt: time since the previous reading, `[]` s.
    """

    links: jax.Array
    spacing: jax.Array
    clearance: jax.Array
    control_dt: jax.Array


def make_scene(
    shape: surface.Surface,
    truth: Sensed,
    links: jax.Array,
    object_scale: ArrayLike,
    control_dt: ArrayLike,
) -> SensingScene:
    """Computes the scene from true readings of one environment, or of many with leading axes `...`.

    Args:
        shape: surface of the nominal object, from `surface.surface(model)`.
        truth: `[..., 5, 3]`, `[..., 3]` and `[..., 4]`.
        links: orientations of the distal links, `[..., 5, 4]`.
        object_scale: size of the object as a multiple of the model's, `[...]`.
        control_dt: `[...]` s, or one value for all.
    """
    markers = truth.fingertips + rotations.rotate(links, MARKER)
    apart = jnp.linalg.norm(markers[..., :, None, :] - markers[..., None, :, :], axis=-1)
    to_object = rotations.conjugate(truth.orientation)[..., None, :]
    in_object = rotations.rotate(to_object, markers - truth.position[..., None, :])
    return SensingScene(
        links=links,
        spacing=jnp.min(jnp.where(jnp.eye(5, dtype=bool), jnp.inf, apart), axis=-1),
        clearance=surface.distance(shape, in_object, jnp.asarray(object_scale)[..., None]),
        control_dt=jnp.broadcast_to(jnp.asarray(control_dt, jnp.float32), links.shape[:-2]),
    )


class Placement(NamedTuple):
    """Position errors of the markers on the links, `[5, 3]` m, and on the base, `[3]` m."""

    on_links: jax.Array
    on_base: jax.Array


def begin_marker_placement(
    key: jax.Array, law: ConfigDict, strength: jax.Array, signal: Sensed, scene: SensingScene
) -> Placement:
    """Draws the position errors of the markers on the fingertip links and the base (Table 7)."""
    on_links, on_base = jnp.split(jax.random.normal(key, (6, 3)), [5])
    return Placement(strength * law.fingertip * on_links, strength * law.base * on_base[0])


def apply_marker_placement(
    key: jax.Array,
    law: ConfigDict,
    strength: jax.Array,
    memory: Placement,
    signal: Sensed,
    scene: SensingScene,
) -> tuple[Placement, Sensed]:
    """Fingertip errors rotate with their links; the base's error shifts all positions (Table 7)."""
    turned = rotations.rotate(scene.links, memory.on_links)
    return memory, signal._replace(
        fingertips=signal.fingertips + turned + memory.on_base,
        position=signal.position + memory.on_base,
    )


def _noise_on(reading: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """Builds a term that adds normal errors to one field of `Sensed`, in m (Table 7).

    Part of the error is constant over the episode, part is redrawn in every step.
    """

    def begin(key, law, strength, signal, scene) -> jax.Array:
        return strength * law.episode * jax.random.normal(key, shape)

    def apply(key, law, strength, memory, signal, scene) -> tuple[jax.Array, Sensed]:
        noise = strength * law.step * jax.random.normal(key, shape)
        return memory, signal._replace(**{reading: getattr(signal, reading) + memory + noise})

    return {"begin": begin, "apply": apply, "units": {"": "m"}}


def begin_orientation_noise(
    key: jax.Array, law: ConfigDict, strength: jax.Array, signal: Sensed, scene: SensingScene
) -> jax.Array:
    """Draws the episode's error of the object's orientation (Table 7)."""
    return _small_rotation(key, strength * law.episode)


def apply_orientation_noise(
    key: jax.Array,
    law: ConfigDict,
    strength: jax.Array,
    memory: jax.Array,
    signal: Sensed,
    scene: SensingScene,
) -> tuple[jax.Array, Sensed]:
    """Rotates the object's orientation by the episode's error, then by the step's (Table 7)."""
    noise = rotations.multiply(_small_rotation(key, strength * law.step), memory)
    return memory, signal._replace(orientation=rotations.multiply(noise, signal.orientation))


class Last(NamedTuple):
    """The previous reading, and whether it exists; it does not at the start of an episode."""

    reading: Sensed
    exists: jax.Array


def begin_marker_occlusion(
    key: jax.Array, law: ConfigDict, strength: jax.Array, signal: Sensed, scene: SensingScene
) -> Last:
    """Starts without a previous reading."""
    return Last(signal, jnp.asarray(False))


def apply_marker_occlusion(
    key: jax.Array,
    law: ConfigDict,
    strength: jax.Array,
    memory: Last,
    signal: Sensed,
    scene: SensingScene,
) -> tuple[Last, Sensed]:
    """A marker close to another finger's marker or to the object keeps its last reading (C.2).

    The paper detects this by collisions of a site behind the nail, whose size it does not give.
    With this project's distances, random actions hide a marker in one step of twenty. A strength
    below 1 is the probability that a marker that close is hidden.
    """
    close = (scene.spacing < law.marker_distance) | (scene.clearance < law.object_distance)
    hidden = close & (jax.random.uniform(key, (5,)) < strength)
    signal = _hold(hidden & memory.exists, jnp.asarray(False), memory.reading, signal)
    return Last(signal, jnp.asarray(True)), signal


class Dropout(NamedTuple):
    """Lost markers: fingertips `[5]` and object `[]`, bool; and the previous reading."""

    fingertips: jax.Array
    object: jax.Array
    last: Sensed


def begin_marker_dropout(
    key: jax.Array, law: ConfigDict, strength: jax.Array, signal: Sensed, scene: SensingScene
) -> Dropout:
    """Starts with all markers visible."""
    return Dropout(jnp.zeros(5, bool), jnp.asarray(False), signal)


def apply_marker_dropout(
    key: jax.Array,
    law: ConfigDict,
    strength: jax.Array,
    memory: Dropout,
    signal: Sensed,
    scene: SensingScene,
) -> tuple[Dropout, Sensed]:
    """Occasionally loses a marker for a while; its last reading stays (Sections 3.2, C.2).

    Each marker is lost and recovered independently, at constant rates, so a loss lasts `mean_s` on
    average. The object's loss rate and the recovery rate are robogym's.
    """
    signal = _hold(memory.fingertips, memory.object, memory.last, signal)
    rates = strength * jnp.array([law.fingertip_rate] * 5 + [law.object_rate])
    is_lost = jnp.append(memory.fingertips, memory.object)
    stays_lost = 1.0 - scene.control_dt / law.mean_s
    becomes_lost = -jnp.expm1(-rates * scene.control_dt)
    lost = jax.random.uniform(key, (6,)) < jnp.where(is_lost, stays_lost, becomes_lost)
    return Dropout(lost[:5], lost[5], signal), signal


class Delay(NamedTuple):
    """Whether the episode's readings are late, `[]` bool; and the previous reading."""

    late: jax.Array
    last: Last


def begin_observation_delay(
    key: jax.Array, law: ConfigDict, strength: jax.Array, signal: Sensed, scene: SensingScene
) -> Delay:
    """Draws whether the episode's readings are late."""
    late = jax.random.uniform(key) < strength * law.probability
    return Delay(late, Last(signal, jnp.asarray(False)))


def apply_observation_delay(
    key: jax.Array,
    law: ConfigDict,
    strength: jax.Array,
    memory: Delay,
    signal: Sensed,
    scene: SensingScene,
) -> tuple[Delay, Sensed]:
    """Late readings are one control step old. Not from the paper; added by this project."""
    late = memory.late & memory.last.exists
    return (
        memory._replace(last=Last(signal, jnp.asarray(True))),
        _hold(late, late, memory.last.reading, signal),
    )


def _small_rotation(key: jax.Array, deviation: jax.Array) -> jax.Array:
    """A rotation `[4]` by a normally distributed angle about a uniformly random axis."""
    draws = jax.random.normal(key, (4,))
    axis = draws[:3] / jnp.linalg.norm(draws[:3])
    return rotations.from_axis_angle(axis, deviation * draws[3])


def _hold(fingertips: jax.Array, object: jax.Array, last: Sensed, now: Sensed) -> Sensed:
    """`last` where masked, fingertips `[5]` (or one for all) and object; otherwise `now`."""
    return Sensed(
        fingertips=jnp.where(fingertips[..., None], last.fingertips, now.fingertips),
        position=jnp.where(object, last.position, now.position),
        orientation=jnp.where(object, last.orientation, now.orientation),
    )


TERMS = (
    StepTerm(
        "marker_placement",
        "sensing",
        "Table 7",
        {"fingertip": 0.003, "base": 0.001},  # m
        begin_marker_placement,
        apply_marker_placement,
        units={"on_links": "m", "on_base": "m"},
    ),
    StepTerm(
        "fingertip_noise",
        "sensing",
        "Table 7",
        {"episode": 0.001, "step": 0.002},  # m
        **_noise_on("fingertips", (5, 3)),
    ),
    StepTerm(
        "position_noise",
        "sensing",
        "Table 7",
        {"episode": 0.005, "step": 0.001},  # m
        **_noise_on("position", (3,)),
    ),
    StepTerm(
        "orientation_noise",
        "sensing",
        "Table 7",
        {"episode": 0.1, "step": 0.1},  # rad
        begin_orientation_noise,
        apply_orientation_noise,
    ),
    StepTerm(
        "marker_occlusion",
        "unmodelled",
        "Section C.2; distances: this project",
        {"marker_distance": 0.018, "object_distance": 0.008},  # m
        begin_marker_occlusion,
        apply_marker_occlusion,
        units={"reading.fingertips": "m", "reading.position": "m"},
    ),
    StepTerm(
        "marker_dropout",
        "unmodelled",
        "Section C.2; object and duration: robogym",
        {"fingertip_rate": 0.2, "object_rate": 0.02, "mean_s": 1.0},  # 1/s, 1/s, s
        begin_marker_dropout,
        apply_marker_dropout,
        units={"last.fingertips": "m", "last.position": "m"},
    ),
    StepTerm(
        "observation_delay",
        "unmodelled",
        "this project",
        {"probability": 0.2},
        begin_observation_delay,
        apply_observation_delay,
        preset=False,
        units={"last.reading.fingertips": "m", "last.reading.position": "m"},
    ),
)
