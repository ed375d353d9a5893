"""A packaged policy plays in the task it was trained in; counts goals and drops for a minute."""

import jax
import jax.numpy as jnp

import dactyl_jax

NUM_ENVS, STEPS = 64, 750  # 60 s of 80 ms

agent, task = dactyl_jax.load_policy("unrandomised")
env = dactyl_jax.make(task, num_envs=NUM_ENVS, env__goal_timeout_s=80.0)


def step(loop, key):
    """One control step of agent and environments."""
    state, memory, first = loop
    keys = jax.random.split(key, NUM_ENVS)
    action, memory = agent.act(state.observation.policy, memory, first, keys)
    state, outcome = env.step(state, action)
    return (state, memory, outcome.done), (outcome.goal_reached.sum(), outcome.dropped.sum())


@jax.jit
def play(key):
    """Goals and drops over all environments."""
    start = env.reset(key), agent.initial_carry(NUM_ENVS), jnp.ones(NUM_ENVS, bool)
    _, (goals, drops) = jax.lax.scan(step, start, jax.random.split(key, STEPS))
    return goals.sum(), drops.sum()


if __name__ == "__main__":
    goals, drops = play(jax.random.key(0))
    minutes = NUM_ENVS * STEPS * env.control_dt / 60
    print(f"per minute: {goals / minutes:.1f} goals, {drops / minutes:.2f} drops")
