"""Sensing terms: the errors in what the policy reads of the world.

Motion-capture markers on the fingertips and the object are seen with noise, from where they were
not meant to be, late, or not at all. Only the policy's readings pass through here; the value
function and the reward see the true state. Sections and tables are those of OpenAI (2018),
"Learning Dexterous In-Hand Manipulation".
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from ml_collections import ConfigDict

from dactyl_jax.hand import rotations, surface
from dactyl_jax.randomization.terms import StepTerm

# Where a marker is, from its fingertip, in the distal link's frame [m]: on the back, at the nail.
MARKER = np.array([0.0, 0.0083, -0.0085])


class Sensed(NamedTuple):
    """What is read, in the `rh_forearm` frame.

    Attributes:
        fingertips: FF, MF, RF, LF, TH, `[5, 3]` m.
        position: of the object's centre, `[3]` m.
        orientation: of the object, `[4]`.
    """

    fingertips: jax.Array
    position: jax.Array
    orientation: jax.Array


class SensingScene(NamedTuple):
    """The truth that errors depend on.

    Attributes:
        links: orientations of the distal links in the `rh_forearm` frame, `[5, 4]`.
        spacing: from each fingertip's marker to the nearest of another, `[5]` m.
        clearance: from each fingertip's marker to the object's surface, `[5]` m, negative inside.
        control_dt: time since the reading before, `[]` s.
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
    """The scene of true readings, of one environment or, with leading axes `...`, of many.

    Args:
        shape: of the object as modelled, from `surface.surface(model)`.
        truth: `[..., 5, 3]`, `[..., 3]` and `[..., 4]`.
        links: orientations of the distal links, `[..., 5, 4]`.
        object_scale: size of the object as a multiple of the model's, `[...]`.
        control_dt: `[...]` s, or one for all.
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
    """How far off the markers on the links are, `[5, 3]` m, and those on the base, `[3]` m."""

    on_links: jax.Array
    on_base: jax.Array


def begin_marker_placement(
    key: jax.Array, law: ConfigDict, strength: jax.Array, signal: Sensed, scene: SensingScene
) -> Placement:
    """Where markers were glued to the fingertips' links and to the hand's base (Table 7)."""
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
    """Fingertips' errors turn with their links; the base's shifts all positions (Table 7)."""
    turned = rotations.rotate(scene.links, memory.on_links)
    return memory, signal._replace(
        fingertips=signal.fingertips + turned + memory.on_base,
        position=signal.position + memory.on_base,
    )


def _noise_on(reading: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """What a term does that makes normal errors on one reading of `Sensed`, in m (Table 7).

    Some of the error holds for the episode, some is new in every step.
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
    """The error of the object's orientation of an episode (Table 7)."""
    return _small_rotation(key, strength * law.episode)


def apply_orientation_noise(
    key: jax.Array,
    law: ConfigDict,
    strength: jax.Array,
    memory: jax.Array,
    signal: Sensed,
    scene: SensingScene,
) -> tuple[jax.Array, Sensed]:
    """Turns the object's orientation by the error of the episode, then of this step (Table 7)."""
    noise = rotations.multiply(_small_rotation(key, strength * law.step), memory)
    return memory, signal._replace(orientation=rotations.multiply(noise, signal.orientation))


class Last(NamedTuple):
    """The reading before, and whether there is one: at the start of an episode there is none."""

    reading: Sensed
    exists: jax.Array


def begin_marker_occlusion(
    key: jax.Array, law: ConfigDict, strength: jax.Array, signal: Sensed, scene: SensingScene
) -> Last:
    """Nothing has been read yet."""
    return Last(signal, jnp.asarray(False))


def apply_marker_occlusion(
    key: jax.Array,
    law: ConfigDict,
    strength: jax.Array,
    memory: Last,
    signal: Sensed,
    scene: SensingScene,
) -> tuple[Last, Sensed]:
    """A marker close to another finger's or to the object keeps its last reading (Section C.2).

    The paper lets a site behind the nail collide and does not give its size. With this project's
    distances, a marker is hidden in one of twenty steps of random play. A strength below 1 is the
    probability that a marker which is that close is hidden.
    """
    close = (scene.spacing < law.marker_distance) | (scene.clearance < law.object_distance)
    hidden = close & (jax.random.uniform(key, (5,)) < strength)
    signal = _hold(hidden & memory.exists, jnp.asarray(False), memory.reading, signal)
    return Last(signal, jnp.asarray(True)), signal


class Dropout(NamedTuple):
    """Which markers are lost: fingertips' `[5]`, the object's `[]` bool; the reading before."""

    fingertips: jax.Array
    object: jax.Array
    last: Sensed


def begin_marker_dropout(
    key: jax.Array, law: ConfigDict, strength: jax.Array, signal: Sensed, scene: SensingScene
) -> Dropout:
    """All markers are in sight."""
    return Dropout(jnp.zeros(5, bool), jnp.asarray(False), signal)


def apply_marker_dropout(
    key: jax.Array,
    law: ConfigDict,
    strength: jax.Array,
    memory: Dropout,
    signal: Sensed,
    scene: SensingScene,
) -> tuple[Dropout, Sensed]:
    """Now and then a marker is lost for a while; its last reading stays (Sections 3.2, C.2).

    Each is lost and found again by itself, at constant rates, so that a loss lasts `mean_s` in the
    mean. The rates of the object's losses and of being found are those of robogym.
    """
    signal = _hold(memory.fingertips, memory.object, memory.last, signal)
    rates = strength * jnp.array([law.fingertip_rate] * 5 + [law.object_rate])
    is_lost = jnp.append(memory.fingertips, memory.object)
    stays_lost = 1.0 - scene.control_dt / law.mean_s
    becomes_lost = -jnp.expm1(-rates * scene.control_dt)
    lost = jax.random.uniform(key, (6,)) < jnp.where(is_lost, stays_lost, becomes_lost)
    return Dropout(lost[:5], lost[5], signal), signal


class Delay(NamedTuple):
    """Whether the episode's readings come late, `[]` bool; the reading before."""

    late: jax.Array
    last: Last


def begin_observation_delay(
    key: jax.Array, law: ConfigDict, strength: jax.Array, signal: Sensed, scene: SensingScene
) -> Delay:
    """Some episodes' readings come late."""
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
    """Late readings are those of one control step before. Not published; this project's own."""
    late = memory.late & memory.last.exists
    return (
        memory._replace(last=Last(signal, jnp.asarray(True))),
        _hold(late, late, memory.last.reading, signal),
    )


def _small_rotation(key: jax.Array, deviation: jax.Array) -> jax.Array:
    """A rotation `[4]` by a normal angle about an axis uniform on the sphere."""
    draws = jax.random.normal(key, (4,))
    axis = draws[:3] / jnp.linalg.norm(draws[:3])
    return rotations.from_axis_angle(axis, deviation * draws[3])


def _hold(fingertips: jax.Array, object: jax.Array, last: Sensed, now: Sensed) -> Sensed:
    """`last` of what is masked, fingertips `[5]` (or one for all) and the object, else `now`."""
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
