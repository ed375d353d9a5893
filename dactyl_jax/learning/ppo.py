"""Proximal policy optimisation (Schulman et al. 2017, arXiv:1707.06347) of recurrent networks.

Minibatches are sets of chunks. A chunk is unrolled from the memory recorded at its start, and the
memory is reset where an episode ends inside. The networks therefore see what they saw during the
roll-out.

A roll-out with a teacher's advice is imitated instead (Ross et al. 2011, arXiv:1011.0686): the
policy learns what the teacher would do in the states that the policy visits.
"""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from dactyl_jax import devices
from dactyl_jax.errors import UserError
from dactyl_jax.learning import categorical, normalization
from dactyl_jax.learning.advantages import generalized_advantages
from dactyl_jax.learning.networks import ActorCritic, Carry, Parameters
from dactyl_jax.learning.rollout import Trajectory

# The adaptive schedule multiplies or divides by the factor once per iteration, within the bounds.
LEARNING_RATE_FACTOR = 1.3
LEARNING_RATE_BOUNDS = (1e-5, 5e-3)
# Adam's epsilon, as in most PPO code. Parameters without effect, such as the lowest bin's in an
# ordered head, have gradients of pure rounding error; a smaller epsilon would let them drift.
_EPSILON = 1e-5

Metrics = dict[str, jax.Array]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Learner:
    """Everything that learning changes.

    Attributes:
        parameters: parameters of both networks.
        optimizer: Adam's moments.
        normalizers: running statistics.
        learning_rate: float32 `[]`.
    """

    parameters: Parameters
    optimizer: Any
    normalizers: normalization.Normalizers
    learning_rate: jax.Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Batch:
    """Chunks to learn from, `[step, chunk, ...]`; memories `[chunk, lstm]`; target normalised."""

    policy_observation: jax.Array
    value_observation: jax.Array
    first: jax.Array
    action: jax.Array
    log_probability: jax.Array
    advantage: jax.Array
    target: jax.Array
    policy_carry: Carry
    value_carry: Carry
    advice: jax.Array | None


def initial_learner(config: ConfigDict, networks: ActorCritic, key: jax.Array) -> Learner:
    """Newly initialised networks; `config` is the complete configuration."""
    parameters = networks.initial_parameters(key)
    return Learner(
        parameters=parameters,
        optimizer=_optimizer(config).init(parameters),
        normalizers=normalization.Normalizers(
            policy_observation=normalization.initial((networks.policy.inputs,)),
            value_observation=normalization.initial((networks.value.inputs,)),
            value_target=normalization.initial(),
        ),
        learning_rate=jnp.float32(config.ppo.learning_rate),
    )


def update(
    config: ConfigDict,
    networks: ActorCritic,
    learner: Learner,
    trajectory: Trajectory,
    key: jax.Array,
) -> tuple[Learner, Metrics]:
    """Learns from one roll-out.

    The order is: advantages and value targets; statistics of the targets; `config.ppo.passes`
    passes over the chunks in minibatches, each in a new random order; the next iteration's learning
    rate; statistics of the observations, which take effect with the next roll-out.

    Args:
        config: the complete configuration.
        networks: designs of the networks.
        learner: the learner during the roll-out.
        trajectory: the roll-out; imitated if it holds a teacher's advice.
        key: determines the order of the chunks; the same on every device.

    Returns:
        The new learner, and float32 `[]` metrics: means over all minibatches, except `kl`, which
        covers the last pass, and `skipped_updates`, a count.

    Raises:
        ValueError: see `_orders`.
    """
    value = _in_order(trajectory.value)
    advantage, target = generalized_advantages(
        _in_order(trajectory.reward) * config.ppo.reward_scale,
        value,
        _in_order(trajectory.next_value),
        _in_order(trajectory.done),
        config.ppo.discount,
        config.ppo.gae_lambda,
    )
    target_statistics = normalization.update(learner.normalizers.value_target, target.reshape(-1))
    batch = _batch(
        trajectory,
        advantage.reshape(trajectory.reward.shape),
        normalization.normalize(target_statistics, target).reshape(trajectory.reward.shape),
    )
    optimizer = _optimizer(config)
    gradient = jax.grad(loss, argnums=2, has_aux=True)
    imitating = trajectory.advice is not None
    learning_rate = config.imitation.learning_rate if imitating else learner.learning_rate

    def step(carry, indices):
        parameters, moments = carry
        chosen = _choose(batch, indices)
        slope, metrics = devices.average(
            gradient(config, networks, parameters, learner.normalizers, chosen)
        )
        norm = optax.tree.norm(slope)
        direction, new_moments = optimizer.update(slope, moments)
        new_parameters = jax.tree.map(
            lambda x, change: x - learning_rate * change, parameters, direction
        )
        finite = jnp.isfinite(norm) & jnp.isfinite(metrics["loss"])
        carry = jax.tree.map(
            lambda new, old: jnp.where(finite, new, old),
            (new_parameters, new_moments),
            carry,
        )
        return carry, metrics | {"gradient_norm": norm, "skipped_updates": 1.0 - finite}

    minibatches = config.ppo.minibatches
    num_chunks, _, num_envs = trajectory.reward.shape
    orders = _orders(key, config.ppo.passes, minibatches, num_chunks, num_envs)
    (parameters, moments), steps = jax.lax.scan(
        step, (learner.parameters, learner.optimizer), orders
    )

    metrics = {name: jnp.mean(values) for name, values in steps.items()}
    metrics["skipped_updates"] = jnp.sum(steps["skipped_updates"])
    metrics["kl"] = jnp.mean(steps["kl"][-minibatches:])
    metrics["learning_rate"] = jnp.float32(learning_rate)
    metrics["explained_variance"] = explained_variance(value, target)
    normalizers = learner.normalizers
    learner = Learner(
        parameters=parameters,
        optimizer=moments,
        normalizers=normalization.Normalizers(
            policy_observation=normalization.update(
                normalizers.policy_observation, trajectory.policy_observation
            ),
            value_observation=normalization.update(
                normalizers.value_observation, trajectory.value_observation
            ),
            value_target=target_statistics,
        ),
        learning_rate=learner.learning_rate
        if imitating
        else _next_learning_rate(config, learner.learning_rate, metrics["kl"]),
    )
    return learner, metrics


def loss(
    config: ConfigDict,
    networks: ActorCritic,
    parameters: Parameters,
    normalizers: normalization.Normalizers,
    batch: Batch,
) -> tuple[jax.Array, Metrics]:
    """The loss of a minibatch, to be minimised.

    With r = pi(a) / pi_old(a), A the advantage normalised within the minibatch, V the value network
    and T its normalised target:

        policy loss = -mean min(r A, clip(r, 1 - clip, 1 + clip) A)
        value loss  = mean (V - T)^2 / 2
        loss        = policy loss + value_coefficient * value loss - entropy * mean entropy

    and with a teacher's advice:

        loss        = mean KL(teacher || pi) + value_coefficient * value loss

    Returns:
        The loss and its parts. `kl` is mean(r - 1 - log r), a non-negative estimate of
        KL(pi_old || pi). `imitation_loss`, the divergence from the teacher, exists with advice
        only.
    """
    output, _ = networks.policy.apply(
        parameters["policy"],
        normalizers.policy_observation,
        batch.policy_observation,
        batch.first,
        batch.policy_carry,
    )
    log_probabilities = categorical.log_probabilities(categorical.split(output, networks.num_bins))
    log_ratio = categorical.log_probability(log_probabilities, batch.action) - batch.log_probability
    ratio = jnp.exp(log_ratio)
    clipped = jnp.clip(ratio, 1.0 - config.ppo.clip, 1.0 + config.ppo.clip)
    spread = jnp.sqrt(devices.variance(batch.advantage))
    advantage = (batch.advantage - devices.mean(batch.advantage)) / (spread + 1e-8)
    policy_loss = -jnp.mean(jnp.minimum(ratio * advantage, clipped * advantage))

    value, _ = networks.value.apply(
        parameters["value"],
        normalizers.value_observation,
        batch.value_observation,
        batch.first,
        batch.value_carry,
    )
    value_loss = 0.5 * jnp.mean(jnp.square(value[..., 0] - batch.target))

    entropy = jnp.mean(categorical.entropy(log_probabilities))
    imitation = {}
    if batch.advice is None:
        total = policy_loss - config.ppo.entropy * entropy
    else:
        total = jnp.mean(categorical.divergence(batch.advice, log_probabilities))
        imitation = {"imitation_loss": total}
    total += config.ppo.value_coefficient * value_loss
    return total, imitation | {
        "loss": total,
        "policy_loss": policy_loss,
        "value_loss": value_loss,
        "entropy": entropy,
        "kl": jnp.mean(jnp.expm1(log_ratio) - log_ratio),
        "clip_share": jnp.mean(jnp.abs(ratio - 1.0) > config.ppo.clip),
    }


def explained_variance(value: jax.Array, target: jax.Array) -> jax.Array:
    """Fraction of the targets' variance that the values explain, `[]`: at best 1, 0 if constant."""
    return 1.0 - devices.variance(target - value) / (devices.variance(target) + 1e-8)


def _optimizer(config: ConfigDict) -> optax.GradientTransformation:
    """Adam's direction from clipped gradients; the caller scales it by the learning rate."""
    return optax.chain(
        optax.clip_by_global_norm(config.ppo.max_gradient_norm),
        optax.scale_by_adam(eps=_EPSILON),
    )


def _next_learning_rate(config: ConfigDict, learning_rate: jax.Array, kl: jax.Array) -> jax.Array:
    if config.ppo.schedule == "fixed":
        return learning_rate
    too_far, too_near = kl > config.ppo.kl_high, kl < config.ppo.kl_low
    factor = jnp.where(too_far, 1.0 / LEARNING_RATE_FACTOR, 1.0)
    factor = jnp.where(too_near, LEARNING_RATE_FACTOR, factor)
    return jnp.clip(learning_rate * factor, *LEARNING_RATE_BOUNDS)


def _in_order(x: jax.Array) -> jax.Array:
    """`[chunk, step, env, ...]` to `[time, env, ...]`."""
    return x.reshape(-1, *x.shape[2:])


def _batch(trajectory: Trajectory, advantage: jax.Array, target: jax.Array) -> Batch:
    """All chunks of a roll-out, concatenated; only whole rows of environments move."""

    def steps(x):
        return jnp.swapaxes(x, 0, 1).reshape(x.shape[1], -1, *x.shape[3:])

    def starts(carry):
        return jax.tree.map(_in_order, carry)

    return Batch(
        policy_observation=steps(trajectory.policy_observation),
        value_observation=steps(trajectory.value_observation),
        first=steps(trajectory.first),
        action=steps(trajectory.action),
        log_probability=steps(trajectory.log_probability),
        advantage=steps(advantage),
        target=steps(target),
        policy_carry=starts(trajectory.policy_carry),
        value_carry=starts(trajectory.value_carry),
        advice=jax.tree.map(steps, trajectory.advice),
    )


def _orders(
    key: jax.Array, passes: int, minibatches: int, num_chunks: int, num_envs: int
) -> jax.Array:
    """Assigns chunks to minibatches, `[passes * minibatches, chunks per minibatch]`.

    Neighbouring environments form groups, the smallest that give each minibatch equally many chunks
    of each group. Each group is shuffled with a separate key. The minibatches are therefore the
    same for any number of devices.

    Args:
        key: key of the update.
        passes: passes over all chunks.
        minibatches: minibatches per pass.
        num_chunks: chunks per environment.
        num_envs: environments on this device.

    Returns:
        Indices of chunks in a `Batch`: chunk c of environment e is c * num_envs + e.

    Raises:
        ValueError: this device's environments do not form whole groups.
    """
    size = minibatches // math.gcd(minibatches, num_chunks)
    if num_envs % size:
        raise UserError(
            f"config.ppo.minibatches is {minibatches}; with {num_chunks} chunks (config.ppo."
            f"horizon / config.ppo.chunk) of each environment, the {num_envs} environments of a "
            f"device must be a multiple of {size}."
        )
    groups = num_envs // size

    def order(round, group):
        own_key = jax.random.fold_in(
            jax.random.fold_in(key, round), devices.index() * groups + group
        )
        chunk, env = jnp.divmod(jax.random.permutation(own_key, num_chunks * size), size)
        return chunk * num_envs + group * size + env

    shuffled = jax.vmap(jax.vmap(order, (None, 0)), (0, None))(
        jnp.arange(passes), jnp.arange(groups)
    )
    shares = shuffled.reshape(passes, groups, minibatches, -1)
    return jnp.swapaxes(shares, 1, 2).reshape(passes * minibatches, -1)


def _choose(batch: Batch, indices: jax.Array) -> Batch:
    """The chunks of one minibatch."""
    steps = dataclasses.replace(batch, policy_carry=(), value_carry=())
    return dataclasses.replace(
        jax.tree.map(lambda x: x[:, indices], steps),
        policy_carry=jax.tree.map(lambda x: x[indices], batch.policy_carry),
        value_carry=jax.tree.map(lambda x: x[indices], batch.value_carry),
    )
