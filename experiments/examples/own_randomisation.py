"""A randomisation of your own: motors that miss a command now and then."""

import jax
import jax.numpy as jnp

import dactyl_jax
from dactyl_jax import randomization
from dactyl_jax.randomization import actuation
from dactyl_jax.randomization.terms import StepTerm


def begin(key, law, strength, signal, scene):
    """Motors hold the last command that they received."""
    return signal.targets


def apply(key, law, strength, memory, signal, scene):
    """Each motor misses a command with a probability."""
    missed = jax.random.bernoulli(key, strength * law.probability, memory.shape)
    received = jnp.where(missed, memory, signal.targets)
    return received, signal._replace(targets=received)


TERM = StepTerm(
    "deaf_motor", "unmodelled", "ours", {"probability": 0.05}, begin, apply, units={"": "rad"}
)
# In a copy of the project this is one line of the table ON_MOTORS.
actuation.ON_MOTORS = (*actuation.ON_MOTORS, TERM)
actuation.TERMS = (*actuation.TERMS, TERM)
randomization.TERMS = (*randomization.TERMS, TERM)

if __name__ == "__main__":
    env = dactyl_jax.make("block", num_envs=64, terms__deaf_motor__enabled=True)
    state, step = env.reset(jax.random.key(0)), jax.jit(env.step)
    for key in jax.random.split(jax.random.key(1), 10):
        action = jax.random.randint(key, (64, env.num_actuators), 0, env.num_bins)
        state, _ = step(state, action)
    missed = state.episode.command.targets != state.episode.physics.ctrl
    print(f"{100 * missed.mean():.1f}% of the motors missed the last command")
