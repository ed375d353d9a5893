"""An environment, reset and stepped."""

import jax

import dactyl_jax

env = dactyl_jax.make("block", randomization="all", num_envs=64)
state = jax.jit(env.reset)(jax.random.key(0))
action = jax.random.randint(jax.random.key(1), (64, env.num_actuators), 0, env.num_bins)
state, outcome = jax.jit(env.step)(state, action)
print(f"reward {outcome.reward.mean():.4f}, {outcome.dropped.sum()} dropped")
