"""Generalised advantage estimation (Schulman et al. 2016, arXiv:1506.02438) with time-outs."""

import jax
import jax.numpy as jnp


def generalized_advantages(
    reward: jax.Array,
    value: jax.Array,
    next_value: jax.Array,
    done: jax.Array,
    discount: float,
    gae_lambda: float,
) -> tuple[jax.Array, jax.Array]:
    """Computes advantages and the matching value targets.

    With reward r, value v and done flag e, in this order:

        next v_t = v(o_{t+1})                    within an episode
                 = v(o before the reset)         where it was truncated (time-out, goal cap)
                 = 0                             where it terminated
        delta_t  = r_t + discount * next v_t - v_t
        A_t      = delta_t + discount * gae_lambda * (1 - e_t) * A_{t+1},  0 after the last step
        target_t = A_t + v_t

    Args:
        reward: `[time, env]`.
        value: prediction for the observation before the action, `[time, env]`.
        next_value: prediction for what followed, as above, `[time, env]`.
        done: bool `[time, env]`; an episode ended with the step, for any reason.
        discount: discount factor per step.
        gae_lambda: weight of longer returns.

    Returns:
        Advantages and targets, `[time, env]`, in units of the reward.
    """
    delta = reward + discount * next_value - value
    decay = discount * gae_lambda * (1.0 - done.astype(jnp.float32))

    def step(advantage, xs):
        delta, decay = xs
        advantage = delta + decay * advantage
        return advantage, advantage

    _, advantage = jax.lax.scan(step, jnp.zeros_like(delta[0]), (delta, decay), reverse=True)
    return advantage, advantage + value
