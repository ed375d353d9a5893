"""Images per second of each renderer, for three cameras."""

import statistics
import time
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax.rendering import GlViews
from dactyl_jax.vision.frames import FrameSource
from dactyl_jax.vision.pool import Pool
from experiments.base import machine
from experiments.vision import frames as frames_lib

_TURNS = 3
# Frames per call: the ray tracer renders batches on all cores, OpenGL one frame at a time.
_FRAMES = {"warp": 128, "gl": 1, "gl_coarse": 1}


def measure(config: ConfigDict, seconds: float) -> dict[str, Any]:
    """Renders the same frames with each renderer in turn, and prints the rates.

    Args:
        config: vision configuration.
        seconds: minimum length of a turn.
    """
    model = frames_lib.load_model(config)
    count = max(_FRAMES.values())
    states = frames_lib.resting_states(model, count, config.seed)
    source = FrameSource(config, model, Pool(states, np.zeros(count, np.int32)), 0)
    qpos, looks, _ = source.draw(np.arange(count))
    frames = np.asarray(qpos), jax.device_get(looks)
    size = config.image_size
    views = {
        "warp": frames_lib.make_views("warp", model, size),
        "gl": GlViews(model, size, coarse=False),
        "gl_coarse": GlViews(model, size),
    }
    rates: dict[str, list[float]] = {name: [] for name in views}
    for name, each in views.items():
        _rate(each, frames, _FRAMES[name], 0.0)
    for _ in range(_TURNS):
        for name, each in views.items():
            rates[name].append(_rate(each, frames, _FRAMES[name], seconds))
    median = {name: statistics.median(turns) for name, turns in rates.items()}
    result: dict[str, Any] = {
        "image_size": size,
        "device": machine.device(),
        **{f"{name}_images_per_second": rate for name, rate in median.items()},
        "ratio": median["warp"] / median["gl"],
        "turns": rates,
    }
    print(
        f"{size} pixels on {result['device']}: ray tracer {median['warp']:.0f} images/s, "
        f"{result['ratio']:.1f} times OpenGL's {median['gl']:.1f}; OpenGL at coarse quality "
        f"{median['gl_coarse']:.1f}"
    )
    return result


def _rate(views: Any, frames: Any, chunk: int, seconds: float) -> float:
    """Measures images per second over one turn, rendering `chunk` frames per call."""
    drawn, started = 0, time.perf_counter()
    while drawn == 0 or time.perf_counter() - started < seconds:
        chosen = np.arange(drawn, drawn + chunk) % len(frames[0])
        pictures = views.render(*jax.tree.map(lambda x, chosen=chosen: x[chosen], frames))
        drawn += chunk
    return drawn * pictures.shape[1] / (time.perf_counter() - started)
