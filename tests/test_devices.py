"""Sums and means over devices; test_distributed.py tests whole runs on several devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax import devices


def test_without_a_mesh_this_device_is_the_only_one():
    x = jnp.array([[1.0, 3.0], [5.0, 11.0]])
    assert not devices.inside()
    assert (devices.count(), devices.index()) == (1, 0)
    np.testing.assert_array_equal(devices.total(x), x)
    np.testing.assert_array_equal(devices.mean(x, 0), [3.0, 7.0])
    np.testing.assert_allclose(devices.variance(x), np.var([1.0, 3.0, 5.0, 11.0]))


def test_a_mesh_reduces_over_its_devices():
    mesh = devices.make_mesh(4)

    def share(x):
        assert devices.inside()
        return devices.total(jnp.sum(x)), devices.variance(x), jnp.sum(x * 0 + devices.index())

    everywhere = jax.shard_map(
        share, mesh=mesh, in_specs=devices.EACH, out_specs=devices.SHARED, check_vma=False
    )
    x = jnp.array([1.0, 3.0, 5.0, 11.0])
    total, variance, index = everywhere(x)
    assert (total, index) == (20, 0)
    np.testing.assert_allclose(variance, np.var(x))


def test_environments_that_devices_cannot_share_are_refused():
    with pytest.raises(ValueError, match=r"num_envs is 5; it must be a multiple of the 2 devices"):
        devices.make_mesh(5, jax.devices() * 2)


def test_places_arrays_and_keys():
    mesh = devices.make_mesh(4)
    tree = {"key": jax.random.split(jax.random.key(0), 4), "x": np.arange(4.0)}
    where = devices.shardings(mesh, devices.EACH)
    placed = devices.place(tree, where)
    assert all(leaf.sharding == where for leaf in placed.values())
    np.testing.assert_array_equal(placed["x"], tree["x"])
    np.testing.assert_array_equal(
        jax.random.key_data(placed["key"]), jax.random.key_data(tree["key"])
    )
    assert devices.place(tree["x"], None).sharding.is_fully_addressable
