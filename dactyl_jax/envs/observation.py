"""Observations: what the policy sees, with errors, and what the value function sees, without."""

import dataclasses
from collections.abc import Iterable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dactyl_jax.envs.readings import Readings
from dactyl_jax.hand import rotations


class Part(NamedTuple):
    """Numbers that stand side by side in an observation, and their unit."""

    name: str
    size: int
    unit: str


_FINGERTIPS = Part("fingertips FF, MF, RF, LF, TH: x, y, z", 15, "m")
_POSITION = Part("object's position x, y, z", 3, "m")
_RELATIVE = Part("rotation left to the goal w, x, y, z", 4, "1")
_ANGLES = Part("joint angles", 24, "rad")
_RATES = Part("joint velocities", 24, "rad/s")
_TARGETS = Part("actuators' last targets", 20, "rad")
_ENCODINGS = (
    Part("rotation left to the goal as a matrix, row by row", 9, "1"),
    Part("how a cube stands, whichever face is which", 9, "1"),
)
_PAPER = (_FINGERTIPS, _POSITION, _RELATIVE)
POLICY_PARTS = {
    "paper": _PAPER,
    "proprioceptive": (*_PAPER, _ANGLES, _RATES, _TARGETS, *_ENCODINGS),
}
VALUE_PARTS = (
    *_PAPER,
    Part("object's orientation w, x, y, z", 4, "1"),
    Part("goal w, x, y, z", 4, "1"),
    _ANGLES,
    _RATES,
    Part("object's velocity x, y, z", 3, "m/s"),
    Part("object's angular velocity x, y, z", 3, "rad/s"),
    _TARGETS,
    *_ENCODINGS,
)


def size(parts: Iterable[Part]) -> int:
    """Numbers in an observation of these parts."""
    return sum(part.size for part in parts)


POLICY_SIZES = {kind: size(parts) for kind, parts in POLICY_PARTS.items()}
VALUE_SIZE = size(VALUE_PARTS)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Observation:
    """Raw observations: `policy` and `value` `[E, ...]`, float32."""

    policy: jax.Array
    value: jax.Array


def relative_goal(goal: jax.Array, orientation: jax.Array) -> jax.Array:
    """The rotation that is left to do, `goal * conj(orientation)`, `[E, 4]` with w >= 0."""
    return rotations.canonical(rotations.multiply(goal, rotations.conjugate(orientation)))


def policy_observation(
    kind: str,
    fingertips: jax.Array,
    position: jax.Array,
    orientation: jax.Array,
    goal: jax.Array,
    readings: Readings,
) -> jax.Array:
    """The policy's input (OpenAI 2018, Table 2).

    Args:
        kind: `paper` (22 numbers: fingertips 15, object position 3, relative goal 4) or
            `proprioceptive` (108), which adds what the real hand also reports, joint angles 24,
            their rates 24 and the last targets 20, and encodings: the relative goal's matrix 9,
            `facing` 9.
        fingertips: as sensed, `[E, 5, 3]` m.
        position: of the object as sensed, `[E, 3]` m.
        orientation: of the object as sensed, `[E, 4]`.
        goal: `[E, 4]`.
        readings: for the hand's own sensors.

    Returns:
        `[E, 22]` or `[E, 108]`.
    """
    rotation = relative_goal(goal, orientation)
    paper = [_flat(fingertips), position, rotation]
    if kind == "paper":
        return jnp.concatenate(paper, axis=-1)
    own = [readings.joint_angles, readings.joint_velocities, readings.targets]
    encodings = [_flat(rotations.matrix(rotation)), facing(orientation)]
    return jnp.concatenate(paper + own + encodings, axis=-1)


def fingertips(policy: jax.Array) -> jax.Array:
    """The fingertips `[E, 5, 3]` in a policy's input."""
    return policy[:, :15].reshape(-1, 5, 3)


def object_pose(policy: jax.Array, goal: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The object's position `[E, 3]` m and orientation `[E, 4]` in a policy's input for a goal."""
    relative = policy[:, 18:22]
    return policy[:, 15:18], rotations.multiply(rotations.conjugate(relative), goal)


def facing(orientation: jax.Array) -> jax.Array:
    """How a cube of this orientation stands, whichever face is which, `[E, 9]`.

    The 24 turns that bring a cube onto itself do not change what fingers can do to it, nor the
    rotation that is left to do: a network that sees the cube this way need not learn each case 24
    times. With x, y, z the rows of the rotation matrix: the sums over its columns of x^4 and of
    x^3 y, for each row and pair of rows. They are smooth, and tell all other orientations apart.
    """
    rows = rotations.matrix(orientation)
    moments = jnp.einsum("eik,ejk->eij", rows**3, rows, precision="highest")
    return _flat(moments)


def value_observation(readings: Readings, goal: jax.Array) -> jax.Array:
    """The value function's input, true and complete, `[E, 122]`.

    All of OpenAI (2018), Table 2, and the encodings of the proprioceptive observation.
    """
    rotation = relative_goal(goal, readings.orientation)
    return jnp.concatenate(
        [
            _flat(readings.fingertips),
            readings.position,
            rotation,
            rotations.canonical(readings.orientation),
            goal,
            readings.joint_angles,
            readings.joint_velocities,
            readings.velocity,
            readings.angular_velocity,
            readings.targets,
            _flat(rotations.matrix(rotation)),
            facing(readings.orientation),
        ],
        axis=-1,
    )


def _flat(points: jax.Array) -> jax.Array:
    return points.reshape(points.shape[0], -1)
