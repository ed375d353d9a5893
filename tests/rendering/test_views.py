"""Camera views: the two renderers agree, and each frame has its own appearance."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax import hand
from dactyl_jax.rendering import GlViews, Looks, ParallelViews, Views, nominal

SIZE = 64


@pytest.fixture(scope="module")
def model():
    return hand.load_model("block", cameras=hand.RIG)


@pytest.fixture(scope="module")
def views(model) -> Views:
    return Views(model, SIZE, batch=2)


@pytest.fixture(scope="module")
def qpos(model) -> np.ndarray:
    layout = hand.layout(model)
    qpos = model.qpos0.astype(np.float32).copy()
    qpos[layout.joint_qpos] = layout.coupling.T @ layout.start_targets / 2
    qpos[layout.object_qpos[:3]] = layout.palm_position + np.array([0.0, 0.0, 0.03])
    return qpos


def two(looks: Looks) -> Looks:
    return jax.tree.map(lambda x: jnp.stack([x, x]), looks)


def second(looks: Looks, **changes) -> Looks:
    """Returns two frames' appearances, the second one changed."""
    rows = two(looks)
    return dataclasses.replace(
        rows, **{name: getattr(rows, name).at[1].set(value) for name, value in changes.items()}
    )


def moved(one: np.ndarray, other: np.ndarray) -> int:
    """Counts pixels that differ clearly."""
    return int((np.abs(one.astype(int) - other).sum(axis=-1) > 30).sum())


def test_each_frame_has_its_own_looks(model, views, qpos):
    looks = nominal(model)
    states = np.stack([qpos, qpos])
    same = views.render(states, two(looks))
    assert same.shape == (2, 3, SIZE, SIZE, 3)
    assert same.dtype == np.uint8
    np.testing.assert_array_equal(same[0], same[1])
    letters = [i for i in range(model.nmat) if model.material(i).name.startswith("letter_")]
    shell = model.material("shell").id
    for change in (
        {"camera_position": looks.camera_position + 0.02},
        {"field_of_view": looks.field_of_view * 1.2},
        {"rgba": looks.rgba.at[jnp.array(letters), :3].set(0.1)},
        {"rgba": looks.rgba.at[shell, :3].set(jnp.array([0.0, 1.0, 0.0]))},
        {"table": jnp.array([0.9, 0.1, 0.1])},
        {"pattern": 1},
        {"light_colour": 0.2 * looks.light_colour},
        {"light_ambient": 0.0},
        {"light_shadow": ~looks.light_shadow},
    ):
        pictures = views.render(states, second(looks, **change))
        np.testing.assert_array_equal(pictures[0], same[0])
        assert moved(pictures[0], pictures[1]) > 20, change


def test_any_number_of_frames_can_be_asked_for(model, views, qpos):
    looks = jax.tree.map(lambda x: jnp.stack([x] * 3), nominal(model))
    states = np.stack([qpos] * 3)
    states[2, hand.layout(model).object_qpos[3:]] = [0, 1, 0, 0]
    pictures = views.render(states, looks)
    np.testing.assert_array_equal(pictures[0], pictures[1])
    assert moved(pictures[0], pictures[2]) > 50


def test_processes_draw_what_one_draws(model, views, qpos):
    looks = jax.tree.map(lambda x: jnp.stack([x] * 5), nominal(model))
    looks = dataclasses.replace(looks, light_ambient=jnp.linspace(0.2, 0.6, 5))
    states = np.stack([qpos] * 5)
    both = ParallelViews(model, SIZE, processes=2, batch=2)
    np.testing.assert_array_equal(both.render(states, looks), views.render(states, looks))
    (other,) = both._others
    other._process.kill()
    other._process.join()
    with pytest.raises(RuntimeError, match="status -9"):
        other.render(states, looks)
    both.close()


def test_opengl_shows_the_same(model, views, qpos):
    try:
        gl = GlViews(model, SIZE)
    except ValueError as error:
        pytest.skip(str(error))
    fine = GlViews(model, SIZE, coarse=False)
    looks = dataclasses.replace(nominal(model), pattern=jnp.int32(1))
    looks = jax.tree.map(lambda x: x[None], looks)
    traced, drawn, best = (
        each.render(qpos[None], looks).astype(float) for each in (views, gl, fine)
    )
    gl.close()
    fine.close()
    assert 0 < np.abs(drawn - best).mean() < 1
    assert traced.shape == drawn.shape
    # Only table shadows, smoothed edges and rounding differ.
    assert np.median(np.abs(traced - drawn)) < 6
    correlation = np.corrcoef(traced.ravel(), drawn.ravel())[0, 1]
    assert correlation > 0.9
    # Turned or mirrored pictures would not agree so well.
    assert np.corrcoef(traced.ravel(), drawn[..., ::-1, :].ravel())[0, 1] < 0.8 * correlation


def test_opengl_draws_a_frame_whatever_was_drawn_before(model, qpos):
    try:
        gl = GlViews(model, SIZE)
    except ValueError as error:
        pytest.skip(str(error))
    looks = jax.tree.map(lambda x: x[None], nominal(model))
    bent = qpos.copy()
    bent[model.jnt_qposadr[model.joint("rh_WRJ1").id]] -= 0.4  # moves the palm
    before, other, after = (gl.render(each[None], looks) for each in (qpos, bent, qpos))
    gl.close()
    assert moved(before, other) > 100
    np.testing.assert_array_equal(before, after)


def test_a_model_without_cameras_is_refused():
    for kind in (Views, GlViews):
        with pytest.raises(ValueError, match=r"cameras=hand\.RIG"):
            kind(hand.load_model("block"), SIZE)
