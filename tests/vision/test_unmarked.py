"""Without marks a block's faces are identical, in both renderers."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax import hand
from dactyl_jax.rendering import GlViews, Views, nominal
from dactyl_jax.vision.unmarked import without_marks

SIZE = 48


@pytest.fixture(scope="module")
def marked():
    return hand.load_model("block", cameras=hand.RIG)


@pytest.mark.parametrize("renderer", [Views, GlViews])
def test_a_quarter_turn_shows_only_where_there_are_marks(marked, renderer):
    layout = hand.layout(marked)
    qpos = np.stack([marked.qpos0, marked.qpos0]).astype(np.float32)
    qpos[:, layout.object_qpos[:3]] = layout.palm_position + np.array([0.0, 0.0, 0.03])
    qpos[:, layout.object_qpos[3:]] = [1, 0, 0, 0], [np.sqrt(0.5), np.sqrt(0.5), 0, 0]
    changed = []
    for model in (marked, without_marks(marked)):
        looks = dataclasses.replace(nominal(model), light_ambient=jnp.float32(0.5))
        try:
            views = renderer(model, SIZE)
        except ValueError as error:
            pytest.skip(str(error))
        before, after = views.render(qpos, jax.tree.map(lambda x: jnp.stack([x, x]), looks))
        changed.append((np.abs(before.astype(int) - after).max(axis=-1) > 20).sum())
    assert changed[0] > 100
    assert changed[1] < 5


def test_only_the_object_loses_its_marks(marked):
    model = without_marks(marked)
    other = marked.geom_bodyid != marked.body("object").id
    np.testing.assert_array_equal(model.geom_matid[other], marked.geom_matid[other])
    assert marked.mat_texid.max() >= 0  # the model itself keeps its letters
    assert (marked.geom_matid[~other] != model.geom_matid[~other]).any()
