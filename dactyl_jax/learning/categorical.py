"""Independent categorical distributions, one per actuator, over bins of equal width.

Logits have bins before actuators, `[..., bin, actuator]`. Sums over bins then run over whole rows
of actuators, which CPUs vectorise. Actions are bin numbers, `[..., actuator]`.
"""

import jax
import jax.numpy as jnp


def split(output: jax.Array, num_bins: int) -> jax.Array:
    """Reshapes a policy head's output, `[..., bins * actuators]`, to `[..., bin, actuator]`."""
    return output.reshape(*output.shape[:-1], num_bins, -1)


def ordinal(output: jax.Array, num_bins: int) -> jax.Array:
    """Converts a head's output to logits of ordered bins; `[..., bins * actuators]` both.

    Output j of an actuator says how likely the bin is j or higher. Tang and Agrawal (2020,
    arXiv:1901.10500) make the logit of bin k the sum of log sigmoid(output j) over j <= k and of
    log sigmoid(-output j) over j > k. As log sigmoid(x) = x + log sigmoid(-x), that equals the sum
    of the outputs up to k plus a constant over all bins. What is learned about one bin thus
    carries over to its neighbours, and every distribution remains possible.
    """
    return jnp.cumsum(split(output, num_bins), axis=-2).reshape(output.shape)


def log_probabilities(logits: jax.Array) -> jax.Array:
    """Normalised logits, `[..., bin, actuator]`."""
    return jax.nn.log_softmax(logits, axis=-2)


def sample(keys: jax.Array, logits: jax.Array) -> jax.Array:
    """Draws actions by inverting the cumulative distribution; uses one uniform per actuator.

    Args:
        keys: one key per environment, `[env]`; an environment's draw depends only on its key.
        logits: `[env, bin, actuator]`.

    Returns:
        int32 `[env, actuator]`.
    """
    num_actuators = logits.shape[-1]
    uniform = jax.vmap(lambda key: jax.random.uniform(key, (num_actuators,)))(keys)
    cumulative = jnp.cumsum(jax.nn.softmax(logits, axis=-2), axis=-2)
    # Compare with a share of the computed total, which rounding keeps from being exactly one.
    threshold = uniform[:, None, :] * cumulative[:, -1:, :]
    return jnp.sum(cumulative[:, :-1, :] <= threshold, axis=-2, dtype=jnp.int32)


def mode(logits: jax.Array) -> jax.Array:
    """The most probable bins, int32 `[..., actuator]`."""
    return jnp.argmax(logits, axis=-2).astype(jnp.int32)


def log_probability(log_probabilities: jax.Array, action: jax.Array) -> jax.Array:
    """Log-probability of an action, summed over the actuators.

    Args:
        log_probabilities: `[..., bin, actuator]`.
        action: integers `[..., actuator]`.

    Returns:
        `[...]` nat.
    """
    bins = jnp.arange(log_probabilities.shape[-2], dtype=jnp.int32)[:, None]
    # A masked sum is faster than a gather, and its gradient needs no scatter.
    chosen = action[..., None, :].astype(jnp.int32) == bins
    return jnp.sum(jnp.where(chosen, log_probabilities, 0.0), axis=(-2, -1))


def divergence(reference: jax.Array, log_probabilities: jax.Array) -> jax.Array:
    """KL(reference || distribution) in nat, summed over the actuators, `[...]`.

    Both arguments are log-probabilities, `[..., bin, actuator]`.
    """
    return jnp.sum(jnp.exp(reference) * (reference - log_probabilities), axis=(-2, -1))


def entropy(log_probabilities: jax.Array) -> jax.Array:
    """Entropy in nat, summed over the actuators, `[...]`; takes `[..., bin, actuator]`."""
    return -jnp.sum(jnp.exp(log_probabilities) * log_probabilities, axis=(-2, -1))
