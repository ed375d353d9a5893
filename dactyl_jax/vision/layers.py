"""Layers of the networks, and how a design becomes parameters and a graph."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

Parameters = Mapping[str, Any]
Layers = Callable[[Any, nnx.Rngs], nnx.Module]  # from a design, which is hashable

he = nnx.initializers.he_uniform()


@functools.partial(jax.jit, static_argnums=(0, 1))
def initial_parameters(layers: Layers, design: Any, key: jax.Array) -> Parameters:
    """Draws the weights of a design."""
    return nnx.to_pure_dict(nnx.state(layers(design, nnx.Rngs(key))))


@functools.cache
def graph(layers: Layers, design: Any) -> nnx.GraphDef:
    """The graph of a design, to merge with its parameters."""
    return nnx.split(nnx.eval_shape(lambda: layers(design, nnx.Rngs(0))))[0]


def convolution(
    inputs: int, outputs: int, size: int, stride: int, rngs: nnx.Rngs, **kwargs: Any
) -> nnx.Conv:
    """A square convolution."""
    return nnx.Conv(
        inputs, outputs, (size, size), strides=stride, kernel_init=he, rngs=rngs, **kwargs
    )


class Residual(nnx.Module):
    """Two convolutions with a skip connection; initially the skip connection dominates."""

    def __init__(
        self, inputs: int, outputs: int, stride: int, rngs: nnx.Rngs, dilation: int = 1
    ) -> None:
        self.first = convolution(inputs, outputs, 3, stride, rngs, kernel_dilation=dilation)
        self.second = convolution(outputs, outputs, 3, 1, rngs, kernel_dilation=dilation)
        self.scale = nnx.Param(jnp.full(outputs, 0.2, jnp.float32))
        same = inputs == outputs and stride == 1
        self.short_cut = None if same else convolution(inputs, outputs, 1, stride, rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        change = self.second(nnx.relu(self.first(x)))
        if self.short_cut is not None:
            x = self.short_cut(x)
        return nnx.relu(x + self.scale[...] * change)
