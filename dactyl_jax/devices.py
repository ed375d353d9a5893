"""Several devices: each simulates a share of the environments, all hold the same networks.

The code of an iteration runs on every device of a mesh at once, under `jax.shard_map`. This module
provides what it needs from the other devices. Outside a mesh there are no others.
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

# JAX's defaults, on which results and checkpoints depend.
_PINNED = {
    "jax_enable_x64": False,
    "jax_default_prng_impl": "threefry2x32",
    "jax_threefry_partitionable": True,
    "jax_random_seed_offset": 0,
    "jax_default_matmul_precision": None,
    "jax_numpy_dtype_promotion": "standard",
    "jax_numpy_rank_promotion": "allow",
}


def pin_defaults() -> None:
    """Overrides JAX_... environment variables that change precision, random keys and promotion."""
    for name, value in _PINNED.items():
        jax.config.update(name, value)


def make_mesh(num_envs: int, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """A one-dimensional mesh of the given devices, or of all devices of all processes.

    Raises:
        ValueError: `num_envs` environments do not divide equally.
    """
    row = jax.devices() if devices is None else devices
    if num_envs % len(row):
        raise UserError(
            f"config.num_envs is {num_envs}; it must be a multiple of the {len(row)} devices."
        )
    return jax.make_mesh((len(row),), (AXIS,), (jax.sharding.AxisType.Auto,), devices=row)


def shardings(mesh: Mesh, partition: Tree) -> Tree:
    """Shardings on a mesh for a tree of `EACH` and `SHARED`."""
    return jax.tree.map(
        lambda spec: NamedSharding(mesh, spec),
        partition,
        is_leaf=lambda x: isinstance(x, PartitionSpec),
    )


def place(tree: Tree, where: Any) -> Tree:
    """Places arrays on devices; every process holds them in full.

    Args:
        tree: arrays and keys.
        where: shardings, a prefix of the tree; None is the default device.
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
    """Distributes `function` over the devices; each runs it on its share of the environments.

    Args:
        mesh: the devices.
        function: operates on one device's share; results that it returns as shared must be equal on
            all devices.
        given, returned: `EACH` and `SHARED` for its arguments and results, as tree prefixes.
    """
    if mesh.size == 1:  # nothing to share; `shard_map` costs 6% of an iteration on two CPU cores
        return function
    return jax.shard_map(function, mesh=mesh, in_specs=given, out_specs=returned, check_vma=False)


def inside() -> bool:
    """Whether this code is being traced for the devices of a mesh."""
    return AXIS in jax.sharding.get_abstract_mesh().manual_axes


def count() -> int:
    """Number of devices that share the environments."""
    return jax.sharding.get_abstract_mesh().shape[AXIS] if inside() else 1


def index() -> jax.Array | int:
    """Index of this device among them, `[]` int32."""
    return jax.lax.axis_index(AXIS) if inside() else 0


def total(tree: Tree) -> Tree:
    """Sum of every leaf over devices."""
    return jax.lax.psum(tree, AXIS) if inside() else tree


def average(tree: Tree) -> Tree:
    """Mean of every leaf over devices."""
    return jax.lax.pmean(tree, AXIS) if inside() else tree


def mean(x: jax.Array, axis: int | tuple[int, ...] | None = None) -> jax.Array:
    """Mean over axes, one of which runs over environments, and over all devices."""
    return average(jnp.mean(x, axis=axis))


def variance(x: jax.Array) -> jax.Array:
    """Population variance of all entries on all devices, `[]`."""
    return mean(jnp.square(x - mean(x)))
