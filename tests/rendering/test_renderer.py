"""Pictures show the hand, the object and the goal at their places."""

import numpy as np
import pytest

from dactyl_jax import hand
from dactyl_jax.rendering import Renderer

QUARTER_TURN = np.array([np.sqrt(0.5), np.sqrt(0.5), 0, 0])
IDENTITY = np.array([1.0, 0, 0, 0])


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    """Returns pictures as loaded; object turned; goal turned; fingers bent; as loaded again."""
    model = hand.load_model("block", goal=True)
    layout = hand.layout(model)
    qpos = np.tile(model.qpos0, (5, 1))
    qpos[1, layout.object_qpos[3:]] = QUARTER_TURN
    qpos[3, layout.joint_qpos] = layout.coupling.T @ layout.start_targets / 2
    goal = np.tile(IDENTITY, (5, 1))
    goal[2] = QUARTER_TURN
    renderer = Renderer(model, width=96, height=64, batch=2)
    return renderer.render(qpos, goal)


def changed(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (np.abs(one.astype(int) - other).sum(axis=-1) > 60).astype(int)


def test_pictures_have_the_shape_asked_for_and_show_something(pictures):
    assert pictures.shape == (5, 64, 96, 3)
    assert pictures.dtype == np.uint8
    assert pictures.min() < 60
    assert pictures.max() > 180
    assert pictures.std() > 20


def test_equal_states_give_equal_pictures(pictures):
    np.testing.assert_array_equal(pictures[0], pictures[4])


def test_object_goal_and_fingers_show_in_their_places(pictures):
    by_object, by_goal, by_fingers = (changed(pictures[0], pictures[i]) for i in (1, 2, 3))
    assert by_object.sum() > 20
    assert by_goal.sum() > 20
    assert by_fingers.sum() > 20
    # The goal is beside the hand: turning one changes no pixel of the other.
    assert (by_object * by_goal).sum() == 0
    columns = np.arange(96)
    centre = [(change.sum(axis=0) @ columns) / change.sum() for change in (by_object, by_goal)]
    assert centre[1] - centre[0] > 15


def test_the_faces_of_the_block_differ(pictures):
    # From three sides one sees at least three strong colours: pixels of high saturation, by hue.
    pixels = pictures[:3].reshape(-1, 3).astype(float)
    spread = pixels.max(axis=1) - pixels.min(axis=1)
    strong = pixels[spread > 70]
    assert len({tuple(np.argsort(pixel)) for pixel in strong.round(-1)}) >= 3


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"camera: 'back' is unknown; it may be front, top, side"):
        Renderer(hand.load_model(goal=True), camera="back")
    with pytest.raises(ValueError, match="goal=True"):
        Renderer(hand.load_model())
    with pytest.raises(ValueError, match=r"width: 0 is too small"):
        Renderer(hand.load_model(goal=True), width=0)
