"""Observations: what the policy sees, with errors, and what the value function sees, without.

An observation is a list of parts. Each part defines its name, its size, its unit and how to read
it. Sizes, indices and the contract of an exported policy follow from the list.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import hand
from dactyl_jax.envs.readings import Readings
from dactyl_jax.hand import rotations

FRAME = "rh_forearm"  # frame of all observed positions and orientations


class Seen(NamedTuple):
    """Inputs of observations; positions and orientations in the `rh_forearm` frame.

    Attributes:
        fingertips: `[E, 5, 3]` m, as sensed or true.
        position: position of the object, `[E, 3]` m, as sensed or true.
        orientation: orientation of the object, `[E, 4]`, as sensed or true.
        goal: `[E, 4]`.
        readings: the true readings.
    """

    fingertips: jax.Array
    position: jax.Array
    orientation: jax.Array
    goal: jax.Array
    readings: Readings


class Part(NamedTuple):
    """Adjacent numbers in an observation.

    Attributes:
        name: identifier.
        label: description for people.
        size: number of values.
        unit: unit of the values.
        read: computes the values, `[E, size]`.
        means: what else a robot host must know: the `frame`, the names of what the values belong to
            (`of`), in order, or the convention for a sign or an order.
    """

    name: str
    label: str
    size: int
    unit: str
    read: Callable[[Seen], jax.Array]
    means: Mapping[str, Any] = MappingProxyType({})


def relative_goal(goal: jax.Array, orientation: jax.Array) -> jax.Array:
    """The remaining rotation, `goal * conj(orientation)`, `[E, 4]` with w >= 0."""
    return rotations.canonical(rotations.multiply(goal, rotations.conjugate(orientation)))


def facing(orientation: jax.Array) -> jax.Array:
    """Encodes a cube's orientation up to its symmetry, `[E, 9]`.

    The 24 rotations that map a cube onto itself change neither what fingers can do to it nor the
    remaining rotation. A network with this input need not learn each case 24 times. With x, y, z
    the rows of the rotation matrix, the values are the sums over columns of x^4 and of x^3 y, for
    each row and each pair of rows. They are smooth, and they distinguish all other orientations.
    """
    rows = rotations.matrix(orientation)
    moments = jnp.einsum("eik,ejk->eij", rows**3, rows, precision="highest")
    return _flat(moments)


def _flat(points: jax.Array) -> jax.Array:
    return points.reshape(points.shape[0], -1)


def _left_to_do(seen: Seen) -> jax.Array:
    return relative_goal(seen.goal, seen.orientation)


# OpenAI (2018), Table 2.
_PAPER = (
    Part(
        "fingertips",
        "fingertips FF, MF, RF, LF, TH: x, y, z",
        15,
        "m",
        lambda seen: _flat(seen.fingertips),
        {"frame": FRAME, "of": hand.FINGERTIPS},
    ),
    Part(
        "object_position",
        "object's position x, y, z",
        3,
        "m",
        lambda seen: seen.position,
        {"frame": FRAME},
    ),
    Part(
        "relative_goal",
        "rotation left to the goal w, x, y, z",
        4,
        "1",
        _left_to_do,
        {"frame": FRAME, "sign": "w >= 0"},
    ),
)
# Further readings of the real hand.
_OWN = (
    Part(
        "joint_angles",
        "joint angles",
        24,
        "rad",
        lambda seen: seen.readings.joint_angles,
        {"of": hand.JOINTS},
    ),
    Part(
        "joint_velocities",
        "joint velocities",
        24,
        "rad/s",
        lambda seen: seen.readings.joint_velocities,
        {"of": hand.JOINTS},
    ),
)
# The controller's internal state: targets, and the average that they follow.
_COMMANDS = (
    Part(
        "targets",
        "actuators' last targets",
        20,
        "rad",
        lambda seen: seen.readings.targets,
        {"of": hand.ACTUATORS},
    ),
    Part(
        "action_average",
        "average of the actions so far",
        20,
        "1",
        lambda seen: seen.readings.action_average,
        {"of": hand.ACTUATORS},
    ),
)
_ENCODINGS = (
    Part(
        "relative_goal_matrix",
        "rotation left to the goal as a matrix, row by row",
        9,
        "1",
        lambda seen: _flat(rotations.matrix(_left_to_do(seen))),
        {"frame": FRAME},
    ),
    Part(
        "facing",
        "how a cube stands, whichever face is which",
        9,
        "1",
        lambda seen: facing(seen.orientation),
        {"frame": FRAME, "order": "by rows"},
    ),
)
# The rest of Table 2, which is available only in simulation.
_OBJECT = (
    Part(
        "orientation",
        "object's orientation w, x, y, z",
        4,
        "1",
        lambda seen: rotations.canonical(seen.orientation),
    ),
    Part("goal", "goal w, x, y, z", 4, "1", lambda seen: seen.goal),
)
_TWIST = (
    Part("velocity", "object's velocity x, y, z", 3, "m/s", lambda seen: seen.readings.velocity),
    Part(
        "angular_velocity",
        "object's angular velocity x, y, z",
        3,
        "rad/s",
        lambda seen: seen.readings.angular_velocity,
    ),
)


# Policy observations, by `config.env.policy_observation`. The parts of a name never change, because
# policies were trained with them; a new set of parts gets a new name.
POLICY = {
    "paper": _PAPER,
    # Adds the real hand's readings, the controller's internal state, and encodings.
    "proprioceptive": (*_PAPER, *_OWN, *_COMMANDS, *_ENCODINGS),
}
STATE = "state"  # the value function's observation: for teachers, not for a robot


def policy_parts(env: ConfigDict) -> tuple[Part, ...]:
    """Parts of the policy's observation under `config.env`."""
    if env.policy_observation == STATE:
        return value_parts(env)
    return _known(env, POLICY[env.policy_observation])


def value_parts(env: ConfigDict) -> tuple[Part, ...]:
    """Parts of the value function's observation: all of Table 2, true and complete, and encodings.

    The hidden state follows them if `config.env.value_observation` is `privileged`, see
    `hidden.Hidden`.
    """
    return _known(env, (*_PAPER, *_OBJECT, *_OWN, *_TWIST, *_COMMANDS, *_ENCODINGS))


def _known(env: ConfigDict, parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Drops parts that do not exist: a controller that smooths targets averages no actions."""
    return tuple(
        part for part in parts if part.name != "action_average" or env.smoothed == "action"
    )


def size(parts: Iterable[Part]) -> int:
    """Number of values in an observation of these parts."""
    return sum(part.size for part in parts)


def assemble(parts: Iterable[Part], seen: Seen) -> jax.Array:
    """Concatenates the observation of these parts, `[E, size(parts)]`."""
    return jnp.concatenate([part.read(seen) for part in parts], axis=-1)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Observation:
    """Raw observations: `policy` and `value` `[E, ...]`, float32."""

    policy: jax.Array
    value: jax.Array


_NOTHING: Any = np.zeros((0, 0), np.float32)  # an array of JAX here would start its backend
NONE = Observation(_NOTHING, _NOTHING)  # before the first observation


def take(parts: Sequence[Part], name: str, numbers: jax.Array) -> jax.Array:
    """Values of one part, `[E, part.size]`, from an observation `[E, ...]` of these parts."""
    names = [part.name for part in parts]
    place = names.index(name)
    first = size(parts[:place])
    return numbers[:, first : first + parts[place].size]


def fingertips(parts: Sequence[Part], numbers: jax.Array) -> jax.Array:
    """Fingertips `[E, 5, 3]` m from an observation `[E, ...]` of these parts."""
    return take(parts, "fingertips", numbers).reshape(-1, 5, 3)


def object_pose(
    parts: Sequence[Part], numbers: jax.Array, goal: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The object's position `[E, 3]` m and orientation `[E, 4]` from an observation and a goal."""
    relative = take(parts, "relative_goal", numbers)
    orientation = rotations.multiply(rotations.conjugate(relative), goal)
    return take(parts, "object_position", numbers), orientation
