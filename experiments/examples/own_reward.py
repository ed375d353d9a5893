"""A reward term of your own: a penalty on fast-changing actions."""

import jax
import jax.numpy as jnp

import dactyl_jax
from dactyl_jax.envs import reward


def action_rate(change: reward.Change) -> jax.Array:
    """Mean squared difference between this step's unit actions and the last one's, `[E]`."""
    return jnp.mean(jnp.square(change.action - change.last_action), axis=-1)


# Before the configuration is made: its weight becomes the field env.reward.action_rate.
reward.TERMS = (*reward.TERMS, reward.Term("action_rate", -0.1, action_rate))

if __name__ == "__main__":
    env = dactyl_jax.make("block", num_envs=64, env__reward__action_rate=-0.2)
    state, step = env.reset(jax.random.key(0)), jax.jit(env.step)
    for key in jax.random.split(jax.random.key(1), 10):
        action = jax.random.randint(key, (64, env.num_actuators), 0, env.num_bins)
        state, outcome = step(state, action)
    print({name: f"{value.mean():.4f}" for name, value in outcome.rewards.items()})
