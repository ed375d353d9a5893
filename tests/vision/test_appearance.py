"""Each appearance term follows its law and changes nothing else."""

import colorsys
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax import hand
from dactyl_jax.hand import rotations
from dactyl_jax.rendering import Looks, nominal
from dactyl_jax.vision import appearance, terms
from dactyl_jax.vision import config as config_lib

COUNT = 400


@pytest.fixture(scope="module")
def model():
    return hand.load_model("block", cameras=hand.RIG)


@pytest.fixture(scope="module")
def start(model) -> Looks:
    return nominal(model)


@pytest.fixture(scope="module")
def drawn(model, start) -> dict[str, Looks]:
    """Draws the appearances of many frames: each term alone, `none`, and `all`."""
    materials = terms.materials(model)
    names = [term.name for term in appearance.TERMS]
    config = config_lib.default()

    def draw(key):
        looks = {}
        for case in (*names, "none", "all"):
            for name in names:
                config.terms[name].enabled = case in (name, "all")
            looks[case] = terms.apply_all(appearance.TERMS, config.terms, key, start, materials)
        return looks

    return jax.jit(jax.vmap(draw))(jax.random.split(jax.random.key(0), COUNT))


def changed(start: Looks, looks: Looks) -> set[str]:
    names = [field.name for field in dataclasses.fields(Looks)]
    return {
        name
        for name in names
        if not np.array_equal(
            np.asarray(getattr(looks, name)),
            np.broadcast_to(getattr(start, name), getattr(looks, name).shape),
        )
    }


CHANGES = {
    "camera_position": {"camera_position"},
    "camera_rotation": {"camera_quaternion"},
    "field_of_view": {"field_of_view"},
    "hand_colour": {"rgba"},
    "hand_finish": {"specular", "shininess"},
    "object_colour": {"rgba"},
    "object_finish": {"specular", "shininess"},
    "background": {"table", "pattern"},
    "lights": {"light_direction", "light_colour"},
    "light_colour": {"light_colour"},
    "ambient": {"light_ambient"},
    "shadows": {"light_shadow"},
}


@pytest.mark.parametrize("name", [term.name for term in appearance.TERMS])
def test_a_term_changes_what_it_is_of_and_nothing_else(start, drawn, name):
    assert changed(start, drawn[name]) == CHANGES[name]


def test_without_terms_frames_look_alike(start, drawn):
    assert changed(start, drawn["none"]) == set()


def test_a_terms_draws_do_not_depend_on_the_others(drawn):
    np.testing.assert_array_equal(drawn["background"].table, drawn["all"].table)


def test_cameras_vary_by_the_published_ranges(start, drawn):
    looks = drawn["all"]
    shift = np.asarray(looks.camera_position - start.camera_position)
    assert 0.0014 < np.abs(shift).max() <= 0.0015 + 1e-7
    turn = rotations.multiply(looks.camera_quaternion, rotations.conjugate(start.camera_quaternion))
    angle = np.degrees(rotations.angle(turn))
    assert 2.9 < angle.max() < 3.01
    assert abs(angle.mean() - 1.5) < 0.1
    view = np.asarray(looks.field_of_view - start.field_of_view)
    assert 0.97 < np.abs(view).max() <= 1.0 + 1e-4


def test_lights_vary_by_the_published_ranges(drawn):
    looks = drawn["lights"]
    brightness = np.asarray(looks.light_colour[..., 0])
    number = (brightness > 0).sum(axis=1)
    assert set(number) == {4, 5, 6}
    total = brightness.sum(axis=1)
    assert total.min() < 0.03 and 1.45 < total.max() <= 1.5001  # 15 units of 0.1
    shining = np.where(brightness > 0, brightness, np.nan)
    ratio = np.nanmax(shining, axis=1) / np.nanmin(shining, axis=1)
    assert ratio.min() >= 1.0 and 3.5 < ratio.max() <= 5.0001
    direction = np.asarray(looks.light_direction)
    np.testing.assert_allclose(np.linalg.norm(direction, axis=-1), 1, atol=1e-5)
    assert direction[..., 2].max() <= 0  # from above
    # Uniform on the half-sphere: heights are uniform.
    assert abs(-direction[..., 2].mean() - 0.5) < 0.02


def test_colours_of_the_object_stay_near_and_tellable(model, drawn):
    looks = drawn["object_colour"]
    materials = terms.materials(model)
    rgba = np.asarray(looks.rgba)
    letters = [i for i in materials.object if model.material(int(i)).name.startswith("letter_")]
    assert len(letters) == 6
    hues = []
    for material in letters:
        before = colorsys.rgb_to_hsv(*model.mat_rgba[material, :3])
        after = np.array([colorsys.rgb_to_hsv(*rgb) for rgb in rgba[:, material, :3]])
        turn = np.abs((after[:, 0] - before[0] + 0.5) % 1 - 0.5)
        assert 0.009 < turn.max() < 0.0105
        assert 0.1 < np.abs(after[:, 1] - before[1]).max() <= 0.1501
        assert 0.1 < np.abs(after[:, 2] - before[2]).max() <= 0.1501
        hues.append((after[:, 0].min(), after[:, 0].max(), after))
    # No two faces have the same hue: the six ranges do not overlap.
    centres = np.array([np.angle(np.exp(2j * np.pi * rows[:, 0]).mean()) for *_, rows in hues])
    gaps = np.abs((centres[:, None] - centres + np.pi) % (2 * np.pi) - np.pi)[
        np.triu_indices(6, 1)
    ] / (2 * np.pi)
    assert gaps.min() > 0.04  # of the circle, twice the range of 0.02


def test_colours_survive_the_way_to_hsv_and_back():
    colours = jax.random.uniform(jax.random.key(1), (200, 3))
    colours = jnp.concatenate([colours, jnp.eye(3), jnp.zeros((1, 3)), jnp.ones((1, 3))])
    hsv = jax.jit(appearance._to_hsv)(colours)
    expected = [colorsys.rgb_to_hsv(*map(float, rgb)) for rgb in np.asarray(colours)]
    np.testing.assert_allclose(hsv, expected, atol=1e-5)
    np.testing.assert_allclose(jax.jit(appearance._from_hsv)(hsv), colours, atol=1e-5)


def test_finishes_and_the_background_keep_to_their_laws(model, drawn):
    looks = drawn["all"]
    materials = terms.materials(model)
    specular, shininess = np.asarray(looks.specular), np.asarray(looks.shininess)
    for rows, low, high in (
        (specular[:, materials.hand], 0.05, 0.25),
        (shininess[:, materials.hand], 0.0, 1.0),
        (specular[:, materials.object], 0.05, 0.15),
        (shininess[:, materials.object], 0.05, 0.15),
    ):
        spread = high - low
        assert low - 1e-6 <= rows.min() < low + 0.02 * spread
        assert high - 0.02 * spread < rows.max() <= high + 1e-6
    plain = np.asarray(looks.pattern) == 0
    assert abs(plain.mean() - 0.5) < 0.08
    assert set(np.asarray(looks.pattern)) == set(range(materials.patterns))


def test_wrong_laws_are_named():
    for field, value, said in (
        ("terms.lights.most", 7, "terms.lights.most"),
        ("terms.ambient.high", 0.1, "config.terms.ambient.low"),
        ("terms.shadows.probability", 1.5, "0 to 1"),
        ("pose.turned", 0.9, "pose.turned"),
        ("image_size", 4, "image_size"),
        ("network.blocks", (1,), "network.blocks"),
        ("training.batch", 60, "training.frames"),
    ):
        config = config_lib.default()
        config.update_from_flattened_dict({field: value})
        with pytest.raises(ValueError, match=said):
            config_lib.validate(config)
