"""The pose network of the package still sees what its metrics say, in frames that it never saw."""

import pytest

from dactyl_jax import hand, pretrained, rendering
from experiments import vision_evaluation


@pytest.mark.slow
@pytest.mark.parametrize("renderer", ["warp", "gl"])
def test_the_errors_repeat_on_fresh_frames(renderer):
    if renderer == "gl":
        try:
            rendering.GlViews(hand.load_model("block", cameras=hand.RIG), 16).close()
        except ValueError as error:
            pytest.skip(str(error))
    config, estimator, metrics = pretrained.load_vision()
    errors = vision_evaluation.measure(config, estimator, renderer, frames=200, seed=1)
    found = vision_evaluation.summarize(errors)
    for name in ("rotation_deg", "position_mm"):
        median = found[name]["median"]
        published = {key: value[name]["median"] for key, value in metrics["evaluation"].items()}
        assert median == pytest.approx(published[renderer], rel=0.2)
        assert median < 2 * published["warp"]
