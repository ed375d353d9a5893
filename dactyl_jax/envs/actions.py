"""The controller: maps discrete actions to actuator targets.

Bins become *unit actions* in -1..1. An exponential moving average smooths them. The target is the
actuator's angle plus the averaged action times half the actuator's range (OpenAI 2018, section 4.2
and C.1; robogym settles what is averaged and what is kept).
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from dactyl_jax import hand

NUM_BINS = 11  # per action coordinate (OpenAI 2018, section 4.2)
MIDDLE_BIN = 5
KEPT_PERIOD = 0.08  # s, period to which `config.env.smoothing_kept` refers
_UNIT_ACTIONS = (np.arange(NUM_BINS, dtype=np.float32) - MIDDLE_BIN) / MIDDLE_BIN


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Average:
    """Exponential moving average of unit actions since the episode's start, corrected for bias.

    Attributes:
        value: `[E, 20]`; 0 before the first action.
        weight: total weight of all actions so far, `[E]`; 0 before the first, 1 in the limit.
    """

    value: jax.Array
    weight: jax.Array


def unit_action(action: jax.Array) -> jax.Array:
    """Converts bins `[E, 20]` to unit actions, `[E, 20]` in -1..1.

    This is a table look-up. A compiler may or may not fuse a product with the averaging that
    follows, and robot hosts must reproduce the average bit for bit.
    """
    return jnp.asarray(_UNIT_ACTIONS).at[action].get(mode="clip")


def kept_share(kept: float, control_dt: float) -> float:
    """Share of the average kept over one control step of `control_dt` s; `kept` is per 80 ms."""
    return kept ** (control_dt / KEPT_PERIOD)


def no_average(num_envs: int) -> Average:
    """The average at the start of an episode."""
    return Average(jnp.zeros((num_envs, len(hand.ACTUATORS))), jnp.zeros(num_envs))


def average(kept: float, before: Average, action: jax.Array) -> Average:
    """Updates the average with one action.

    The average is divided by the weights of the actions so far. Equal actions therefore average to
    that action from the first step on.

    Args:
        kept: share of the sum that is kept over one control step, in [0, 1).
        before: the previous average.
        action: unit actions, `[E, 20]`.
    """
    weight = kept * before.weight + (1 - kept)
    gain = (1 - kept) / weight
    return Average(before.value + gain[:, None] * (action - before.value), weight)


def targets(
    layout: hand.Layout, mode: str, action: jax.Array, joint_angles: jax.Array
) -> jax.Array:
    """Computes targets of the position actuators, clipped to their ranges.

    Args:
        layout: index tables of the hand.
        mode: `relative` (to the actuator's angle; for a coupled pair, the sum of its joint angles)
            or `absolute` (to the middle of the actuator's range).
        action: offset as a fraction of half the actuator's range, `[E, 20]`.
        joint_angles: `[E, 24]` rad.

    Returns:
        `[E, 20]` rad.
    """
    low, high = jnp.asarray(layout.ctrl_range, jnp.float32).T
    centre = actuator_angles(layout, joint_angles) if mode == "relative" else 0.5 * (low + high)
    return jnp.clip(centre + action * 0.5 * (high - low), low, high)


def smoothed_targets(kept: float, target: jax.Array, before: jax.Array) -> jax.Array:
    """Low-pass filters targets, all `[E, 20]` rad; `kept` is the share of the previous targets.

    The first version of this project smoothed this way, and its policies require it
    (`config.env.smoothed`).
    """
    return before + (1 - kept) * (target - before)


def actuator_angles(layout: hand.Layout, joint_angles: jax.Array) -> jax.Array:
    """Actuator angles `[E, 20]` rad from joint angles `[E, 24]`: J, or J1 + J2 for a pair."""
    return jnp.matmul(
        joint_angles, jnp.asarray(layout.coupling, jnp.float32).T, precision="highest"
    )
