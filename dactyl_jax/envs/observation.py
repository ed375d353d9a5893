"""Observations: what the policy sees, with errors, and what the value function sees, without."""

import dataclasses

import jax
import jax.numpy as jnp

from dactyl_jax.envs.readings import Readings
from dactyl_jax.hand import rotations

POLICY_SIZES = {"paper": 22, "proprioceptive": 90}
VALUE_SIZE = 104


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Observation:
    """Raw observations: `policy` `[E, 22 or 90]` and `value` `[E, 104]`, float32."""

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
            `proprioceptive`, which adds what the real hand also reports: joint angles 24, their
            rates 24 and the last targets 20 (90 numbers).
        fingertips: as sensed, `[E, 5, 3]` m.
        position: of the object as sensed, `[E, 3]` m.
        orientation: of the object as sensed, `[E, 4]`.
        goal: `[E, 4]`.
        readings: for the hand's own sensors.

    Returns:
        `[E, 22]` or `[E, 90]`.
    """
    paper = [_flat(fingertips), position, relative_goal(goal, orientation)]
    own = [readings.joint_angles, readings.joint_velocities, readings.targets]
    return jnp.concatenate(paper if kind == "paper" else paper + own, axis=-1)


def value_observation(readings: Readings, goal: jax.Array) -> jax.Array:
    """The value function's input, true and complete, `[E, 104]` (OpenAI 2018, Table 2)."""
    return jnp.concatenate(
        [
            _flat(readings.fingertips),
            readings.position,
            relative_goal(goal, readings.orientation),
            rotations.canonical(readings.orientation),
            goal,
            readings.joint_angles,
            readings.joint_velocities,
            readings.velocity,
            readings.angular_velocity,
            readings.targets,
        ],
        axis=-1,
    )


def _flat(points: jax.Array) -> jax.Array:
    return points.reshape(points.shape[0], -1)
