"""Many devices: each simulates its share of the environments, all hold the same networks.

The code of an iteration runs on every device of a mesh at once, under `jax.shard_map`. What it must
know of the other devices' environments it asks here; outside of a mesh there are no others.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from dactyl_jax.errors import UserError

AXIS = "env"
EACH = PartitionSpec(AXIS)  # the leading axis runs over environments
SHARED = PartitionSpec()  # the same on every device

Tree = TypeVar("Tree")

# What results and checkpoints depend on, JAX's own defaults.
_PINNED = {
    "jax_enable_x64": False,
    "jax_default_prng_impl": "threefry2x32",
    "jax_threefry_partitionable": True,
    "jax_numpy_dtype_promotion": "standard",
    "jax_numpy_rank_promotion": "allow",
}


def pin_defaults() -> None:
    """Overrides what a shell's JAX_... variables say of precision, random keys and promotion."""
    for name, value in _PINNED.items():
        jax.config.update(name, value)


def make_mesh(num_envs: int, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """All devices of all processes in a row, or those given.

    Raises:
        ValueError: `num_envs` environments cannot be shared out equally.
    """
    row = jax.devices() if devices is None else devices
    if num_envs % len(row):
        raise UserError(
            f"config.num_envs is {num_envs}; it must be a multiple of the {len(row)} devices."
        )
    return jax.make_mesh((len(row),), (AXIS,), (jax.sharding.AxisType.Auto,), devices=row)


def shardings(mesh: Mesh, partition: Tree) -> Tree:
    """Where on a mesh things are, by a tree of `EACH` and `SHARED`."""
    return jax.tree.map(
        lambda spec: NamedSharding(mesh, spec),
        partition,
        is_leaf=lambda x: isinstance(x, PartitionSpec),
    )


def place(tree: Tree, where: Any) -> Tree:
    """Puts arrays that every process holds whole onto devices.

    Args:
        tree: arrays and keys.
        where: shardings, a prefix of the tree; None: the default device.
    """

    def put(leaf: jax.Array, sharding: jax.sharding.Sharding | None) -> jax.Array:
        if sharding is None or sharding.is_fully_addressable:
            return jax.device_put(leaf, sharding)
        is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        held = np.asarray(jax.random.key_data(leaf) if is_key else leaf)
        placed = jax.make_array_from_callback(held.shape, sharding, lambda share: held[share])
        if is_key:
            placed = jax.random.wrap_key_data(placed, impl=jax.random.key_impl(leaf))
        return placed

    def put_all(sharding: jax.sharding.Sharding | None, part: Any) -> Any:
        return jax.tree.map(lambda leaf: put(leaf, sharding), part)

    return jax.tree.map(put_all, where, tree, is_leaf=lambda x: x is None)


def spread(mesh: Mesh, function: Callable, given: Any, returned: Any) -> Callable:
    """A function of all environments that runs `function` on every device with its share of them.

    Args:
        mesh: the devices.
        function: of this device's share; what it returns as shared must be equal on all devices.
        given, returned: `EACH` and `SHARED` for its arguments and its results, prefixes of them.
    """
    if mesh.size == 1:  # nothing to share; `shard_map` takes 6% of an iteration on two CPU cores
        return function
    return jax.shard_map(function, mesh=mesh, in_specs=given, out_specs=returned, check_vma=False)


def inside() -> bool:
    """Whether this code is traced for the devices of a mesh."""
    return AXIS in jax.sharding.get_abstract_mesh().manual_axes


def count() -> int:
    """How many devices share the environments."""
    return jax.sharding.get_abstract_mesh().shape[AXIS] if inside() else 1


def index() -> jax.Array | int:
    """The number of this device among them, `[]` int32."""
    return jax.lax.axis_index(AXIS) if inside() else 0


def total(tree: Tree) -> Tree:
    """The sum over devices of every leaf."""
    return jax.lax.psum(tree, AXIS) if inside() else tree


def average(tree: Tree) -> Tree:
    """The mean over devices of every leaf."""
    return jax.lax.pmean(tree, AXIS) if inside() else tree


def mean(x: jax.Array, axis: int | tuple[int, ...] | None = None) -> jax.Array:
    """The mean over axes, of which one runs over environments, of all devices."""
    return average(jnp.mean(x, axis=axis))


def variance(x: jax.Array) -> jax.Array:
    """The population variance of all entries on all devices, `[]`."""
    return mean(jnp.square(x - mean(x)))
