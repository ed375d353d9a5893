"""The package's pose network reproduces its published scores, on new frames."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax import hand, pretrained, rendering
from dactyl_jax.hand import rotations
from dactyl_jax.vision.estimator import LARGEST_DOUBT
from dactyl_jax.vision.frames import FrameSource
from dactyl_jax.vision.pool import Pool
from dactyl_jax.vision.unmarked import without_marks
from experiments.vision import frames as frames_lib
from experiments.vision import held_out


def skip_without(renderer: str) -> None:
    """Skips a test that needs OpenGL where OpenGL is missing."""
    if renderer == "gl":
        try:
            rendering.GlViews(hand.load_model("block", cameras=hand.RIG), 16).close()
        except ValueError as error:
            pytest.skip(str(error))


@pytest.mark.slow
@pytest.mark.parametrize("renderer", ["warp", "gl"])
def test_the_errors_repeat_on_fresh_frames(renderer):
    skip_without(renderer)
    config, estimator, metrics = pretrained.load_vision()
    errors = held_out.measure(config, estimator, renderer, frames=200, seed=1)
    found = held_out.summarize(errors)
    for name in ("rotation_deg", "position_mm"):
        median = found[name]["median"]
        published = {key: value[name]["median"] for key, value in metrics["evaluation"].items()}
        assert median == pytest.approx(published[renderer], rel=0.2)
        assert median < 2 * published["warp"]


@pytest.mark.slow
@pytest.mark.parametrize("renderer", ["warp", "gl"])
def test_it_doubts_what_it_says_of_a_block_without_marks(renderer):
    skip_without(renderer)
    config, estimator, _ = pretrained.load_vision()
    marked = frames_lib.load_model(config)
    states = frames_lib.resting_states(marked, 24, 1)
    numbers = np.arange(len(states))
    doubtful = []
    for model in (marked, without_marks(marked)):
        source = FrameSource(config, model, Pool(states, 0 * numbers), 0)
        views = frames_lib.make_views(renderer, model, config.image_size, 4)
        pictures, _ = frames_lib.draw(source, views, numbers)
        doubt = estimator.estimate_normal(np.asarray(source.vary(numbers, pictures))).doubt
        doubtful.append(np.mean(doubt > LARGEST_DOUBT))
    assert doubtful[0] < 0.2
    assert doubtful[1] > 0.9


@pytest.mark.slow
def test_confused_and_moved_cameras_do_not_fit():
    """A robot rejects the poses of swapped cameras and of one that was turned by ten degrees."""
    largest = pytest.importorskip("hardware.sight.camera_tracker").USUAL.misfit
    config, estimator, _ = pretrained.load_vision()
    model = frames_lib.load_model(config)
    source = frames_lib.make_source(config, model, frames_lib.HELD_OUT)
    views = frames_lib.make_views("warp", model, config.image_size)
    numbers = 2_000_000 + np.arange(60)
    qpos, looks, _ = source.draw(numbers)
    turn = rotations.from_axis_angle(jnp.array([1.0, 0.0, 0.0]), jnp.radians(10))
    quaternion = looks.camera_quaternion
    turned = quaternion.at[:, 1].set(rotations.multiply(quaternion[:, 1], turn))
    pictures = views.render(np.asarray(qpos), looks)
    moved = views.render(np.asarray(qpos), dataclasses.replace(looks, camera_quaternion=turned))
    rejected = {}
    for name, shown in (
        ("as they are", pictures),
        ("swapped", pictures[:, [0, 2, 1]]),
        ("moved", moved),
    ):
        misfit = estimator.estimate_normal(np.asarray(source.vary(numbers, shown))).misfit
        rejected[name] = np.mean(misfit.max(axis=1) > largest)
        if name == "moved":
            assert np.mean(misfit.argmax(axis=1) == 1) > 0.9  # the camera is named
    assert rejected["as they are"] < 0.05
    assert rejected["swapped"] > 0.95
    assert rejected["moved"] > 0.85
