"""Observations: what the policy sees, with errors, and what the value function sees, without.

An observation is a list of parts. Each says its name, its size, its unit and how it is read, and
all else (sizes, places, the contract of an exported policy) follows from the list.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from dactyl_jax import hand
from dactyl_jax.envs.readings import Readings
from dactyl_jax.hand import rotations

FRAME = "rh_forearm"  # of all positions and orientations that are seen


class Seen(NamedTuple):
    """What observations are made of; positions and orientations in the `rh_forearm` frame.

    Attributes:
        fingertips: `[E, 5, 3]` m, position of the object `[E, 3]` m and its orientation `[E, 4]`,
            as sensed or as they are.
        goal: `[E, 4]`.
        readings: the true ones.
    """

    fingertips: jax.Array
    position: jax.Array
    orientation: jax.Array
    goal: jax.Array
    readings: Readings


class Part(NamedTuple):
    """Numbers that stand side by side in an observation.

    Attributes:
        name: by which code knows them.
        label: by which people do.
        size: how many there are.
        unit: theirs.
        read: `[E, size]` of what is seen.
        means: what else a robot host has to know: their `frame`, the names of what they are `of`,
            in order, or how a sign or an order is chosen.
    """

    name: str
    label: str
    size: int
    unit: str
    read: Callable[[Seen], jax.Array]
    means: Mapping[str, Any] = MappingProxyType({})


def relative_goal(goal: jax.Array, orientation: jax.Array) -> jax.Array:
    """The rotation that is left to do, `goal * conj(orientation)`, `[E, 4]` with w >= 0."""
    return rotations.canonical(rotations.multiply(goal, rotations.conjugate(orientation)))


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


def _flat(points: jax.Array) -> jax.Array:
    return points.reshape(points.shape[0], -1)


def _left_to_do(seen: Seen) -> jax.Array:
    return relative_goal(seen.goal, seen.orientation)


# Of OpenAI (2018), Table 2.
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
# What the real hand also reports.
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
# What its controller knows of its own doings: targets, and the average that they follow.
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
# The rest of Table 2, which only simulation knows.
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


# What policies see, by `config.env.policy_observation`. A name keeps its parts, since policies were
# trained under it; other numbers get a name of their own.
POLICY = {
    "paper": _PAPER,
    # What the real hand reports and its controller knows besides, and encodings of it.
    "proprioceptive": (*_PAPER, *_OWN, *_COMMANDS, *_ENCODINGS),
}
STATE = "state"  # what the value function sees: for teachers, not for a robot


def policy_parts(env: ConfigDict) -> tuple[Part, ...]:
    """What the policy sees by `config.env`."""
    if env.policy_observation == STATE:
        return value_parts(env)
    return _known(env, POLICY[env.policy_observation])


def value_parts(env: ConfigDict) -> tuple[Part, ...]:
    """What the value function sees: all of Table 2, true and complete, and the policy's encodings.

    What is hidden comes beside it where `config.env.value_observation` is `privileged`, see
    `hidden.Hidden`.
    """
    return _known(env, (*_PAPER, *_OBJECT, *_OWN, *_TWIST, *_COMMANDS, *_ENCODINGS))


def _known(env: ConfigDict, parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Those of the parts that exist: a controller that smooths targets averages no actions."""
    return tuple(
        part for part in parts if part.name != "action_average" or env.smoothed == "action"
    )


def size(parts: Iterable[Part]) -> int:
    """Numbers in an observation of these parts."""
    return sum(part.size for part in parts)


def assemble(parts: Iterable[Part], seen: Seen) -> jax.Array:
    """The observation of these parts, side by side, `[E, size(parts)]`."""
    return jnp.concatenate([part.read(seen) for part in parts], axis=-1)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Observation:
    """Raw observations: `policy` and `value` `[E, ...]`, float32."""

    policy: jax.Array
    value: jax.Array


NONE = Observation(jnp.zeros((0, 0)), jnp.zeros((0, 0)))  # before the first look


def take(parts: Sequence[Part], name: str, numbers: jax.Array) -> jax.Array:
    """The numbers of a part, `[E, part.size]`, in an observation `[E, ...]` of these parts."""
    names = [part.name for part in parts]
    place = names.index(name)
    first = size(parts[:place])
    return numbers[:, first : first + parts[place].size]


def fingertips(parts: Sequence[Part], numbers: jax.Array) -> jax.Array:
    """The fingertips `[E, 5, 3]` m in an observation `[E, ...]` of these parts."""
    return take(parts, "fingertips", numbers).reshape(-1, 5, 3)


def object_pose(
    parts: Sequence[Part], numbers: jax.Array, goal: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The object's position `[E, 3]` m and orientation `[E, 4]` in an observation for a goal."""
    relative = take(parts, "relative_goal", numbers)
    orientation = rotations.multiply(rotations.conjugate(relative), goal)
    return take(parts, "object_position", numbers), orientation
