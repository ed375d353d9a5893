"""The scene on the page: interpolated states, letters without textures, bars."""

import mujoco
import numpy as np
import pytest

pytest.importorskip("viser", reason="the viewer is not installed")

from dactyl_jax import hand
from dactyl_jax.viewer.charts import action_bars
from dactyl_jax.viewer.scene import blend, make_model


def test_pictures_between_steps_turn_the_short_way():
    before, after = np.zeros(31), np.ones(31)
    before[-4:] = 1.0, 0.0, 0.0, 0.0
    after[-4:] = -np.cos(0.2), 0.0, 0.0, -np.sin(0.2)  # 0.4 rad about z, with the other sign
    middle = blend(before, after, 0.5)
    np.testing.assert_allclose(middle[:-4], 0.5)
    expected = np.cos(0.1), 0.0, 0.0, np.sin(0.1)
    np.testing.assert_allclose(np.abs(middle[-4:]), expected, atol=1e-6)
    np.testing.assert_allclose(blend(before, after, 1.0)[-4:], after[-4:])


@pytest.mark.parametrize("object", hand.OBJECTS)
def test_what_is_drawn_moves_as_the_physics_model(object):
    drawn, simulated = make_model(object, 0.2), hand.load_model(object, tilt=0.2)
    assert drawn.nmocap == 1
    data = [mujoco.MjData(model) for model in (drawn, simulated)]
    rng = np.random.default_rng(0)
    qpos = simulated.qpos0 + rng.uniform(-0.1, 0.1, simulated.nq)
    for model, now in zip((drawn, simulated), data, strict=True):
        now.qpos[:] = qpos
        mujoco.mj_kinematics(model, now)
    for name in ("rh_thdistal", "rh_lfdistal", "object"):
        np.testing.assert_allclose(data[0].body(name).xpos, data[1].body(name).xpos, atol=1e-9)


def test_letters_lie_on_the_faces_of_a_block():
    model = make_model("block", 0.0)
    body = model.body("object").id
    strokes = (model.geom_bodyid == body) & (model.geom_type == mujoco.mjtGeom.mjGEOM_CAPSULE)
    places = model.geom_pos[strokes]
    assert len(places) == 23
    np.testing.assert_allclose(np.abs(places).max(axis=1), 0.025, atol=1e-9)
    assert len({tuple(place.round(3) * (abs(place) > 0.0249)) for place in places}) == 6


def test_bars_reach_from_the_middle():
    action = np.full(20, 5)
    action[3] = 10
    widths = [part.split('"')[0] for part in action_bars(action).split('width="')[3:]]
    assert widths == ["2"] * 3 + ["102"] + ["2"] * 16
