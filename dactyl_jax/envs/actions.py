"""The controller: from discrete actions to the targets of the actuators.

Bins become *unit actions* in -1..1, which are smoothed by an exponential moving average. A target
is the actuator's angle plus a share of half its range, the share being the average (OpenAI 2018,
section 4.2 and C.1; robogym settles what is averaged and what is kept).
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from dactyl_jax import hand

NUM_BINS = 11  # of each action coordinate (OpenAI 2018, section 4.2)
MIDDLE_BIN = 5
KEPT_PERIOD = 0.08  # s, over which `config.env.smoothing_kept` is kept
_UNIT_ACTIONS = (np.arange(NUM_BINS, dtype=np.float32) - MIDDLE_BIN) / MIDDLE_BIN


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Average:
    """An exponential moving average of unit actions since the episode's start, corrected for bias.

    Attributes:
        value: `[E, 20]`; 0 before the first action.
        weight: of all actions so far, `[E]`; 0 before the first one, 1 in the long run.
    """

    value: jax.Array
    weight: jax.Array


def unit_action(action: jax.Array) -> jax.Array:
    """Bins `[E, 20]` as unit actions, `[E, 20]` in -1..1.

    They are looked up: a product here might be fused with what the average does next, or not, as
    the compiler likes, and robot hosts have to know all bits of the average.
    """
    return jnp.asarray(_UNIT_ACTIONS).at[action].get(mode="clip")


def kept_share(kept: float, control_dt: float) -> float:
    """What the average keeps in one control step of `control_dt` s: `kept` per 80 ms."""
    return kept ** (control_dt / KEPT_PERIOD)


def no_average(num_envs: int) -> Average:
    """The average at an episode's start."""
    return Average(jnp.zeros((num_envs, len(hand.ACTUATORS))), jnp.zeros(num_envs))


def average(kept: float, before: Average, action: jax.Array) -> Average:
    """The average after one more action.

    Divided by the weights that its actions have so far, the average of equal actions is that
    action from the first step on.

    Args:
        kept: share of the sum that stays in one control step, in [0, 1).
        before: the average so far.
        action: unit actions, `[E, 20]`.
    """
    weight = kept * before.weight + (1 - kept)
    gain = (1 - kept) / weight
    return Average(before.value + gain[:, None] * (action - before.value), weight)


def targets(
    layout: hand.Layout, mode: str, action: jax.Array, joint_angles: jax.Array
) -> jax.Array:
    """Targets of the position actuators, clipped to their ranges.

    Args:
        layout: the hand's tables.
        mode: `relative` (about the actuator's angle; a coupled pair's is the sum of its joints') or
            `absolute` (about the middle of its range).
        action: shares of half the actuator's range, `[E, 20]`.
        joint_angles: `[E, 24]` rad.

    Returns:
        `[E, 20]` rad.
    """
    low, high = jnp.asarray(layout.ctrl_range, jnp.float32).T
    centre = actuator_angles(layout, joint_angles) if mode == "relative" else 0.5 * (low + high)
    return jnp.clip(centre + action * 0.5 * (high - low), low, high)


def smoothed_targets(kept: float, target: jax.Array, before: jax.Array) -> jax.Array:
    """Targets that keep a share of those before, all `[E, 20]` rad.

    So smoothed the first version of this project, whose policies keep to it
    (`config.env.smoothed`).
    """
    return before + (1 - kept) * (target - before)


def actuator_angles(layout: hand.Layout, joint_angles: jax.Array) -> jax.Array:
    """Angles that the actuators act on, `[E, 20]` rad, from `[E, 24]`: J, or J1 + J2 of a pair."""
    return jnp.matmul(
        joint_angles, jnp.asarray(layout.coupling, jnp.float32).T, precision="highest"
    )
