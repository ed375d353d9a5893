"""Policy and value networks: normalised observation, dense layers, LSTM, head.

After appendix D.1 of OpenAI (2018). Both networks have the same design and share no parameters. One
function, `Network.apply`, serves roll-outs (one step at a time), training (a chunk at a time) and
export. It takes parameters as a plain tree of arrays, which can be differentiated, stored and
exported without a Flax object.
"""

import dataclasses
import functools
import itertools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from ml_collections import ConfigDict

from dactyl_jax.errors import UserError
from dactyl_jax.learning import categorical, normalization
from dactyl_jax.learning.environment import Environment

Parameters = Mapping[str, Any]
Carry = tuple[jax.Array, ...]  # LSTM: (hidden, cell), each [env, lstm]; without memory: ()

# Set explicitly: by default JAX rounds products to TF32 on a GPU and to bfloat16 on a TPU.
PRECISION = jax.lax.Precision.HIGHEST
_ACTIVATIONS = {"relu": nnx.relu, "elu": nnx.elu, "tanh": nnx.tanh}
_orthogonal = nnx.initializers.orthogonal


@dataclasses.dataclass(frozen=True)
class Network:
    """Design of one network, without its parameters; hashable and JSON-serialisable.

    Attributes:
        inputs: size of the observation.
        outputs: size of the head.
        dense: sizes of the dense layers before the memory.
        lstm: size of the LSTM, or of the dense layer that replaces it without memory.
        memory: whether there is an LSTM.
        activation: one of relu, elu, tanh.
        head_scale: gain of the head's initial weights.
        ordinal_bins: number of bins of each actuator if the head encodes their order, see
            `categorical.ordinal`; otherwise 0.
    """

    inputs: int
    outputs: int
    dense: tuple[int, ...]
    lstm: int
    memory: bool
    activation: str
    head_scale: float
    ordinal_bins: int = 0

    def __post_init__(self):
        if self.activation not in _ACTIVATIONS:
            raise UserError(
                f"config.network.activation is {self.activation!r}; "
                f"it must be one of {', '.join(_ACTIVATIONS)}."
            )

    @classmethod
    def from_json(cls, design: Mapping[str, Any]) -> "Network":
        """Inverse of `dataclasses.asdict`, also after a round trip through JSON, without tuples."""
        return cls(**dict(design) | {"dense": tuple(design["dense"])})

    def initial_parameters(self, key: jax.Array) -> Parameters:
        """Draws orthogonal weights; biases are 0, except 1 for the LSTM's forget gate."""
        return nnx.to_pure_dict(nnx.state(_Layers(self, nnx.Rngs(key))))

    def initial_carry(self, num_envs: int) -> Carry:
        """Memory at the start of an episode: zeros."""
        return tuple(jnp.zeros((num_envs, self.lstm)) for _ in range(2 if self.memory else 0))

    def apply(
        self,
        parameters: Parameters,
        statistics: normalization.Statistics,
        observation: jax.Array,
        first: jax.Array,
        carry: Carry,
    ) -> tuple[jax.Array, Carry]:
        """Runs the network over successive steps of many environments.

        Args:
            parameters: parameters of this design.
            statistics: statistics of the observations.
            observation: raw, `[time, env, inputs]`.
            first: bool `[time, env]`; the memory is reset before the steps at which an episode
                starts.
            carry: memory before the first step.

        Returns:
            Outputs `[time, env, outputs]` and the memory after the last step.
        """
        layers = nnx.merge(_graph(self), nnx.State(parameters))
        return layers(normalization.normalize_and_clip(statistics, observation), first, carry)


@dataclasses.dataclass(frozen=True)
class ActorCritic:
    """Designs of the policy and the value network; hashable.

    Their parameters are `{"policy": ..., "value": ...}`.
    """

    policy: Network
    value: Network
    num_actuators: int
    num_bins: int

    def initial_parameters(self, key: jax.Array) -> Parameters:
        """Draws the parameters of both networks."""
        policy_key, value_key = jax.random.split(key)
        return {
            "policy": self.policy.initial_parameters(policy_key),
            "value": self.value.initial_parameters(value_key),
        }


def make_networks(config: ConfigDict, env: Environment) -> ActorCritic:
    """The networks of `config.network`, sized for an environment."""
    network = config.network
    design = functools.partial(
        Network,
        dense=tuple(network.dense),
        lstm=network.lstm,
        activation=network.activation,
    )
    # A small policy head makes the initial policy nearly uniform.
    policy = design(
        env.policy_size,
        env.num_actuators * env.num_bins,
        memory=network.memory,
        head_scale=0.01,
        ordinal_bins=env.num_bins if network.ordinal else 0,
    )
    value = design(env.value_size, 1, memory=network.value_memory, head_scale=1.0)
    return ActorCritic(policy, value, env.num_actuators, env.num_bins)


@functools.cache
def _graph(network: Network) -> nnx.GraphDef:
    return nnx.split(nnx.eval_shape(lambda: _Layers(network, nnx.Rngs(0))))[0]


class _Lstm(nnx.Module):
    """The LSTM of Gers et al. (2000); gates in the order input, forget, candidate, output."""

    def __init__(self, inputs: int, size: int, rngs: nnx.Rngs):
        def gates(key, shape, dtype=jnp.float32):
            keys = jax.random.split(key, 4)
            square = (shape[0], size)
            return jnp.concatenate([_orthogonal()(key, square, dtype) for key in keys], axis=1)

        def forget_bias(key, shape, dtype=jnp.float32):
            return jnp.zeros(shape, dtype).at[size : 2 * size].set(1.0)

        linear = functools.partial(nnx.Linear, precision=PRECISION, kernel_init=gates, rngs=rngs)
        self.input = linear(inputs, 4 * size, bias_init=forget_bias)
        self.recurrent = linear(size, 4 * size, use_bias=False)

    def __call__(
        self, inputs: jax.Array, first: jax.Array, carry: Carry
    ) -> tuple[jax.Array, Carry]:
        # The inputs' products do not depend on the memory: one large product for all steps.
        products = self.input(inputs)
        kernel = self.recurrent.kernel[...]

        def step(carry, xs):
            product, first = xs
            hidden, cell = jax.tree.map(lambda x: jnp.where(first[:, None], 0.0, x), carry)
            gates = product + jnp.dot(hidden, kernel, precision=PRECISION)
            write, forget, candidate, output = jnp.split(gates, 4, axis=-1)
            cell = nnx.sigmoid(forget) * cell + nnx.sigmoid(write) * jnp.tanh(candidate)
            hidden = nnx.sigmoid(output) * jnp.tanh(cell)
            return (hidden, cell), hidden

        if len(products) == 1:  # avoids a loop of one step in exported graphs
            carry, output = step(carry, (products[0], first[0]))
            return output[None], carry
        carry, outputs = jax.lax.scan(step, carry, (products, first))
        return outputs, carry


class _Layers(nnx.Module):
    """The layers of a `Network`, in order."""

    def __init__(self, network: Network, rngs: nnx.Rngs):
        def linear(inputs, outputs, scale):
            kernel_init = _orthogonal(scale)
            return nnx.Linear(
                inputs, outputs, precision=PRECISION, kernel_init=kernel_init, rngs=rngs
            )

        gain = 1.0 if network.activation == "tanh" else 2.0**0.5
        sizes = (network.inputs, *network.dense)
        self.activation = _ACTIVATIONS[network.activation]
        self.ordinal_bins = network.ordinal_bins
        self.dense = nnx.List([linear(m, n, gain) for m, n in itertools.pairwise(sizes)])
        if network.memory:
            self.memory: _Lstm | None = _Lstm(sizes[-1], network.lstm, rngs)
        else:
            self.dense.append(linear(sizes[-1], network.lstm, gain))
            self.memory = None
        self.head = linear(network.lstm, network.outputs, network.head_scale)

    def __call__(
        self, inputs: jax.Array, first: jax.Array, carry: Carry
    ) -> tuple[jax.Array, Carry]:
        x = inputs
        for layer in self.dense:
            x = self.activation(layer(x))
        if self.memory is not None:
            x, carry = self.memory(x, first, carry)
        kernel, bias = self.head.kernel[...], self.head.bias[...]
        if self.ordinal_bins:  # linear: sum the weights once instead of every output
            kernel, bias = (categorical.ordinal(x, self.ordinal_bins) for x in (kernel, bias))
        return jnp.dot(x, kernel, precision=PRECISION) + bias, carry
