"""From discrete actions to actuator targets."""

import jax
import jax.numpy as jnp

from dactyl_jax import hand

NUM_BINS = 11  # of each action coordinate (OpenAI 2018, section 4.2)
MIDDLE_BIN = 5


def targets(
    layout: hand.Layout,
    mode: str,
    smoothing: float,
    action: jax.Array,
    joint_angles: jax.Array,
    previous: jax.Array,
) -> jax.Array:
    """Targets of the position actuators for the coming control step.

    Bin k means a share (k - 5) / 5 of half the actuator's range: added to the actuator's angle now
    (`relative`; a coupled pair's angle is the sum of its two joints) or to the middle of its range
    (`absolute`). The result is clipped to the range and enters by an exponential moving average.

    Args:
        layout: the hand's tables.
        mode: `relative` or `absolute`.
        smoothing: share of the new target in the average, in (0, 1].
        action: bins `[E, 20]`, int.
        joint_angles: `[E, 24]` rad.
        previous: the targets of the last step, `[E, 20]` rad.

    Returns:
        `[E, 20]` rad.
    """
    low, high = jnp.asarray(layout.ctrl_range, jnp.float32).T
    share = (action.astype(jnp.float32) - MIDDLE_BIN) / MIDDLE_BIN
    centre = actuator_angles(layout, joint_angles) if mode == "relative" else 0.5 * (low + high)
    target = jnp.clip(centre + share * 0.5 * (high - low), low, high)
    return previous + smoothing * (target - previous)


def actuator_angles(layout: hand.Layout, joint_angles: jax.Array) -> jax.Array:
    """Angles that the actuators act on, `[E, 20]` rad, from `[E, 24]`: J, or J1 + J2 of a pair."""
    return jnp.matmul(
        joint_angles, jnp.asarray(layout.coupling, jnp.float32).T, precision="highest"
    )
