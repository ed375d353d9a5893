"""An algorithm of your own: feed-forward PPO on `dactyl_jax.make`, in one file.

It uses only the project's environment. The package's recurrent PPO is in `dactyl_jax/learning`.
"""

import argparse
import itertools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

import dactyl_jax

HORIZON, PASSES, MINIBATCHES = 16, 2, 8
DISCOUNT, LAMBDA, CLIP = 0.99, 0.95, 0.2
NEAR = 0.9  # rad, how far goals lie


class Batch(NamedTuple):
    """A roll-out, `[time, env, ...]`."""

    policy: jax.Array
    value: jax.Array
    action: jax.Array
    log_probability: jax.Array
    baseline: jax.Array
    following: jax.Array
    reward: jax.Array
    done: jax.Array


def layers(key: jax.Array, *sizes: int) -> list[tuple[jax.Array, jax.Array]]:
    """A multilayer perceptron's parameters; the last layer starts small."""
    result = []
    for number, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        weight = jax.random.normal(jax.random.fold_in(key, number), (inputs, outputs))
        scale = 0.01 if number == len(sizes) - 2 else 1.0
        result.append((scale * weight / math.sqrt(inputs), jnp.zeros(outputs)))
    return result


def forward(parameters: list, x: jax.Array) -> jax.Array:
    """The perceptron's output."""
    for weight, bias in parameters[:-1]:
        x = jnp.tanh(x @ weight + bias)
    return x @ parameters[-1][0] + parameters[-1][1]


def make_iteration(env: Any, optimizer: optax.GradientTransformation, scale: dict):
    """A compiled iteration, from parameters, optimiser, environments and key to the next."""

    def logits(parameters, seen):
        output = forward(parameters["policy"], seen / scale["policy"])
        return jax.nn.log_softmax(output.reshape(*seen.shape[:-1], env.num_actuators, -1))

    def values(parameters, seen):
        return forward(parameters["value"], seen / scale["value"])[..., 0]

    def chosen(log_probabilities, action):
        return jnp.take_along_axis(log_probabilities, action[..., None], -1)[..., 0].sum(-1)

    def step(carry, key):
        parameters, state = carry
        seen = state.observation
        odds = logits(parameters, seen.policy)
        action = jax.random.categorical(key, odds)
        state, out = env.step(state, action)
        ended_badly = out.done & ~out.truncated
        following = values(parameters, out.terminal_observation.value) * ~ended_badly
        baseline = values(parameters, seen.value)
        row = Batch(
            *(seen.policy, seen.value, action, chosen(odds, action), baseline, following),
            *(out.reward, out.done),
        )
        return (parameters, state), (row, out.goal_reached.sum(), out.dropped.sum())

    def loss(parameters, batch, advantage, target):
        odds = logits(parameters, batch.policy)
        ratio = jnp.exp(chosen(odds, batch.action) - batch.log_probability)
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-6)
        clipped = jnp.clip(ratio, 1 - CLIP, 1 + CLIP)
        surrogate = jnp.minimum(ratio * advantage, clipped * advantage).mean()
        return jnp.square(values(parameters, batch.value) - target).mean() - surrogate

    @jax.jit
    def iteration(parameters, memory, state, key):
        act_key, shuffle_key = jax.random.split(key)
        keys = jax.random.split(act_key, HORIZON)
        (_, state), (batch, goals, drops) = jax.lax.scan(step, (parameters, state), keys)

        def back(advantage, row):
            delta = row.reward + DISCOUNT * row.following - row.baseline
            advantage = delta + DISCOUNT * LAMBDA * advantage * ~row.done
            return advantage, advantage

        _, advantage = jax.lax.scan(back, jnp.zeros_like(batch.reward[0]), batch, reverse=True)
        flat = jax.tree.map(
            lambda x: x.reshape(-1, *x.shape[2:]), (batch, advantage, advantage + batch.baseline)
        )

        def learn(carry, rows):
            parameters, memory = carry
            gradient = jax.grad(loss)(parameters, *jax.tree.map(lambda x: x[rows], flat))
            change, memory = optimizer.update(gradient, memory)
            return (optax.apply_updates(parameters, change), memory), None

        count = batch.reward.size
        orders = jax.vmap(lambda k: jax.random.permutation(k, count))(
            jax.random.split(shuffle_key, PASSES)
        ).reshape(PASSES * MINIBATCHES, -1)
        (parameters, memory), _ = jax.lax.scan(learn, (parameters, memory), orders)
        return parameters, memory, state, goals.sum(), drops.sum()

    return iteration


def main() -> None:
    """Trains and prints goals and drops per environment-minute."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num_envs", type=int, default=512)
    parser.add_argument("--iterations", type=int, default=100)
    flags = parser.parse_args()
    env = dactyl_jax.make("block", num_envs=flags.num_envs)
    state = env.reset(jax.random.key(0), goal_distance=NEAR)
    scale = {k: 1e-3 + jnp.abs(getattr(state.observation, k)).max(0) for k in ("policy", "value")}
    policy_key, value_key, run_key = jax.random.split(jax.random.key(1), 3)
    outputs = env.num_actuators * env.num_bins
    parameters = {
        "policy": layers(policy_key, env.policy_size, 128, 128, outputs),
        "value": layers(value_key, env.value_size, 128, 128, 1),
    }
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-3))
    memory, iteration = optimizer.init(parameters), make_iteration(env, optimizer, scale)
    minutes = flags.num_envs * HORIZON * env.control_dt / 60
    for i in range(flags.iterations):
        key = jax.random.fold_in(run_key, i)
        parameters, memory, state, goals, drops = iteration(parameters, memory, state, key)
        print(f"{i + 1}: {goals / minutes:.1f} goals, {drops / minutes:.2f} drops per minute")


if __name__ == "__main__":
    main()
