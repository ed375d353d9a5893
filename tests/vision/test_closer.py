"""The closer look: windows, places in them, and their loss."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dactyl_jax.vision import config as config_lib
from dactyl_jax.vision import eyes as eyes_lib
from dactyl_jax.vision import solve, windows
from dactyl_jax.vision.loss import places_loss
from dactyl_jax.vision.places import CELLS, PlacesNetwork, _interleave, _peak


def test_a_window_shows_what_is_round_its_centre():
    across = np.broadcast_to((2 * np.arange(100) + 1) / 100 - 1, (100, 100))
    picture = np.stack([across, across.T, np.ones((100, 100))], axis=-1).astype(np.float32)
    centres = np.array([[0.0, 0.0], [0.3, -0.25], [0.6, 0.6]], np.float32)
    seen = np.asarray(windows.cut(np.stack([picture] * 3), centres))
    inside = (2 * np.arange(windows.SIZE) + 1) / windows.SIZE - 1
    for window, centre in zip(seen, centres, strict=True):
        expected = windows.outside(np.stack(np.meshgrid(inside, inside), axis=-1), centre)
        # Half a pixel of the picture lies beyond its outermost pixels' centres.
        there = np.abs(expected).max(axis=-1) < 0.99
        np.testing.assert_allclose(window[there][:, :2], expected[there], atol=1e-5)
        np.testing.assert_allclose(window[there][:, 2], 1, atol=1e-5)
    beyond = np.asarray(windows.cut(picture[None], np.array([[1.0, 0.0]])))[0]
    assert beyond[:, 40:].max() == 0.0 and beyond[10, 10, 2] == pytest.approx(1.0)


def test_positions_in_windows_and_images_are_inverse():
    places, centres = np.random.default_rng(0).uniform(-1, 1, (2, 5, 2))
    np.testing.assert_allclose(
        windows.outside(windows.inside(places, centres), centres), places, atol=1e-6
    )
    kept = windows.kept_in(np.array([[0.9, -2.0], [0.1, 0.2]]))
    np.testing.assert_allclose(kept, [[0.6, -0.6], [0.1, 0.2]], atol=1e-6)


def test_a_peak_between_cells_is_found():
    cells = (2 * np.arange(CELLS) + 1) / CELLS - 1
    truth = np.array([[0.11, -0.37], [0.68, 0.02]])
    away = (truth[:, :, None] - cells) * CELLS / 2
    heat = -0.5 * (away[:, 1, :, None] ** 2 + away[:, 0, None, :] ** 2)
    place, share = _peak(jnp.asarray(heat[None], jnp.float32))
    np.testing.assert_allclose(place[0], truth, atol=0.1 / CELLS)
    np.testing.assert_allclose(share.sum((2, 3)), 1, atol=1e-5)


def test_a_far_second_peak_does_not_pull():
    heat = np.full((1, 1, CELLS, CELLS), -20.0, np.float32)
    heat[0, 0, 5, 5], heat[0, 0, 20, 25] = 1.0, 0.9
    place, _ = _peak(jnp.asarray(heat))
    np.testing.assert_allclose(place[0, 0], 2 * 5.5 / CELLS - 1, atol=1e-4)


def test_heat_maps_interleave():
    maps = np.arange(2 * 2 * 8).reshape(1, 2, 2, 8).astype(np.float32)
    fine = np.asarray(_interleave(jnp.asarray(maps), 2))
    assert fine.shape == (1, 2, 4, 4)
    # Channel (down, across, point) of a cell is one of its four quarters.
    assert fine[0, 1, 2 * 1 + 1, 2 * 0 + 1] == maps[0, 1, 0, 2 * 2 + 1 * 2 + 1]


def test_a_network_learns_places_how_exact_they_are_and_what_is_hidden():
    """A bright spot marks the first point; the second can be anywhere; the third is hidden."""
    network = PlacesNetwork(points=3, channels=8, dilations=(1,))
    rng = np.random.default_rng(0)
    grid = (2 * np.arange(windows.SIZE) + 1) / windows.SIZE - 1
    across, down = np.meshgrid(grid, grid)

    def batch():
        truth = rng.uniform(-0.8, 0.8, (16, 3, 2))
        spot = (across - truth[:, :1, :1]) ** 2 + (down - truth[:, :1, 1:]) ** 2 < 0.01
        pictures = np.repeat(spot[..., None], 3, axis=-1).astype(np.float32)
        visible = np.tile([True, True, False], (16, 1))
        return jnp.asarray(pictures), jnp.asarray(truth, jnp.float32), jnp.asarray(visible)

    optimizer = optax.adam(5e-3)

    @jax.jit
    def learn(parameters, state, pictures, truth, visible):
        def objective(parameters):
            return places_loss(network.apply(parameters, pictures), truth, visible)

        gradient, parts = jax.grad(objective, has_aux=True)(parameters)
        updates, state = optimizer.update(gradient, state, parameters)
        return optax.apply_updates(parameters, updates), state, parts

    parameters = network.initial_parameters(jax.random.key(0))
    state = optimizer.init(parameters)
    for _ in range(250):
        parameters, state, _ = learn(parameters, state, *batch())
    pictures, truth, _ = batch()
    found = network.apply(parameters, pictures)
    off = np.linalg.norm(found.place - truth, axis=-1) * windows.SIZE / 2  # pixels
    assert np.median(off[:, 0]) < 1.0 and np.median(off[:, 1]) > 8
    deviation = np.exp(found.log_deviation) * windows.SIZE / 2
    assert np.median(deviation[:, 0]) < 2 < 6 < np.median(deviation[:, 1])
    assert np.median(found.presence[:, 0]) > 2 > -2 > np.median(found.presence[:, 2])


def test_points_beyond_a_window_count_as_hidden():
    network = PlacesNetwork(points=2, channels=8, dilations=(1,))
    found = network.apply(
        network.initial_parameters(jax.random.key(0)), jnp.ones((1, windows.SIZE, windows.SIZE, 3))
    )
    visible = jnp.ones((1, 2), bool)
    inside = jnp.array([[[0.1, 0.2], [0.0, 0.0]]])
    beyond = inside.at[0, 1, 0].set(1.5)
    hidden = visible.at[0, 1].set(False)
    losses = [places_loss(found, *given)[0] for given in ((beyond, visible), (inside, hidden))]
    assert float(losses[0]) == pytest.approx(float(losses[1]), rel=1e-6)
    assert np.isfinite(losses[0])


def test_a_blank_picture_carries_no_weight():
    config = config_lib.default()
    config.image_size = 32
    config.network.channels, config.network.blocks, config.network.strides = (8,), (1,), (1,)
    for part in (config.closer.object, config.closer.forearm):
        part.channels, part.dilations = 8, (1,)
    eyes = eyes_lib.make_eyes(config)
    pictures = jax.random.normal(jax.random.key(0), (2, 3, 32, 32, 3)).at[1, 2].set(0.0)
    look = jax.jit(eyes_lib.look, static_argnums=(0, 2))(
        eyes, eyes.initial_parameters(jax.random.key(1)), solve.rig(config), pictures
    )
    shown = np.asarray(look.seen.weight.max(axis=-1) > 0)
    np.testing.assert_array_equal(shown, [[True, True, True], [True, True, False]])
    assert look.seen.place.shape == (2, 3, 21, 2)
