"""Running mean and variance of the networks' observations and the value network's targets.

Batches are merged by the parallel form of Welford's recursion (Chan, Golub and LeVeque, 1979). The
state holds mean and variance rather than sums, so float32 keeps its precision for any number of
samples.
"""

import dataclasses

import jax
import jax.numpy as jnp

from dactyl_jax import devices

CLIP = 5.0  # standard deviations; OpenAI (2018), appendix D.1
MIN_DEVIATION = 1e-4  # maps constant inputs to zero without dividing by zero


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Statistics:
    """Number of samples `[]`, and their mean and population variance per feature, all float32."""

    count: jax.Array
    mean: jax.Array
    variance: jax.Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Normalizers:
    """Statistics of the policy's and the value network's observations and of the value targets."""

    policy_observation: Statistics
    value_observation: Statistics
    value_target: Statistics


def initial(shape: tuple[int, ...] = ()) -> Statistics:
    """Statistics of no samples for features of `shape`: mean 0, variance 1, so no scaling."""
    return Statistics(jnp.zeros(()), jnp.zeros(shape), jnp.ones(shape))


def update(statistics: Statistics, samples: jax.Array) -> Statistics:
    """Merges a batch; on a mesh, the batches of all devices.

    With n, m, v of the statistics and n', m', v' of the batch, d = m' - m and w = n' / (n + n'):

        m <- m + w d
        v <- v + w (v' - v + (1 - w) d^2)

    Args:
        statistics: statistics of the samples so far, features `[...]`.
        samples: float32 `[*batch, ...]`: any number of batch axes before the features.

    Returns:
        The merged statistics; the old ones if the batch holds a value that is not finite.
    """
    axes = tuple(range(samples.ndim - statistics.mean.ndim))
    batch_count = jnp.float32(devices.count() * samples.size / max(statistics.mean.size, 1))
    batch_mean = devices.mean(samples, axes)
    batch_variance = devices.mean(jnp.square(samples - batch_mean), axes)

    count = statistics.count + batch_count
    weight = batch_count / count
    delta = batch_mean - statistics.mean
    change = batch_variance - statistics.variance + (1.0 - weight) * jnp.square(delta)
    merged = Statistics(
        count=count,
        mean=statistics.mean + weight * delta,
        variance=jnp.maximum(statistics.variance + weight * change, 0.0),
    )
    finite = jnp.all(jnp.isfinite(batch_mean) & jnp.isfinite(batch_variance))
    return jax.tree.map(lambda new, old: jnp.where(finite, new, old), merged, statistics)


def deviation(statistics: Statistics) -> jax.Array:
    """Standard deviation per feature, at least `MIN_DEVIATION`."""
    return jnp.maximum(jnp.sqrt(statistics.variance), MIN_DEVIATION)


def normalize(statistics: Statistics, values: jax.Array) -> jax.Array:
    """(values - mean) / SD; `values` `[*batch, ...]`."""
    return (values - statistics.mean) / deviation(statistics)


def normalize_and_clip(statistics: Statistics, values: jax.Array) -> jax.Array:
    """Like `normalize`, then clipped to `CLIP` standard deviations: a network's input."""
    return jnp.clip(normalize(statistics, values), -CLIP, CLIP)


def denormalize(statistics: Statistics, values: jax.Array) -> jax.Array:
    """Inverse of `normalize`."""
    return values * deviation(statistics) + statistics.mean
