"""Measures pictures per second of three cameras, by the ray tracer and by MuJoCo's OpenGL.

OpenGL draws with the quality that MuJoCo gives it, and as coarsely as evaluations do. All terms of
the appearance are on. All draw the same frames in turns, after a warm-up; rates are medians over
the turns.
"""

import statistics
import sys
import time
from typing import Any

import numpy as np
from absl import flags
from ml_collections import ConfigDict

from dactyl_jax.vision import config as schema
from experiments import cli, files

_TURNS = 3
# Drawn at a time: the ray tracer's batches on all cores, and one by one.
_FRAMES = {"warp": 128, "gl": 1, "gl_coarse": 1}


def define_flags(values: flags.FlagValues) -> None:
    """This program's own flags."""
    flags.DEFINE_float(
        "seconds", 5.0, "the least that a turn lasts, s", lower_bound=0.01, flag_values=values
    )
    flags.DEFINE_string("json", None, "a file to write the result to", flag_values=values)


def base_config(values: flags.FlagValues) -> ConfigDict:
    """That of `--config=FILE`, or the defaults."""
    return cli.load_config_file(values.config, schema) if values.config else schema.default()


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Measures and prints."""
    target = files.check_output("json", values.json) if values.json else None
    import jax

    from dactyl_jax.rendering import GlViews
    from dactyl_jax.vision.frames import FrameSource
    from dactyl_jax.vision.pool import Pool
    from experiments import preparation, vision_frames

    model = vision_frames.load_model(config)
    count = max(_FRAMES.values())
    states = vision_frames.resting_states(model, count, config.seed)
    source = FrameSource(config, model, Pool(states, np.zeros(count, np.int32)), 0)
    qpos, looks, _ = source.draw(np.arange(count))
    frames = np.asarray(qpos), jax.device_get(looks)
    size = config.image_size
    views = {
        "warp": vision_frames.make_views("warp", model, size),
        "gl": GlViews(model, size, coarse=False),
        "gl_coarse": GlViews(model, size),
    }
    rates: dict[str, list[float]] = {name: [] for name in views}
    for name, each in views.items():
        _rate(each, frames, _FRAMES[name], 0.0)
    for _ in range(_TURNS):
        for name, each in views.items():
            rates[name].append(_rate(each, frames, _FRAMES[name], values.seconds))
    median = {name: statistics.median(turns) for name, turns in rates.items()}
    result: dict[str, Any] = {
        "image_size": size,
        "device": preparation.device(),
        **{f"{name}_images_per_second": rate for name, rate in median.items()},
        "ratio": median["warp"] / median["gl"],
        "turns": rates,
    }
    print(
        f"{size} pixels on {result['device']}: {median['warp']:.0f} images/s by the ray tracer, "
        f"{result['ratio']:.1f} times the {median['gl']:.1f} by OpenGL, which coarsely makes "
        f"{median['gl_coarse']:.1f}"
    )
    if target is not None:
        files.write_json(target, result)


def _rate(views: Any, frames: Any, chunk: int, seconds: float) -> float:
    """Pictures per second of a turn over the frames, a chunk at a time."""
    import jax

    drawn, started = 0, time.perf_counter()
    while drawn == 0 or time.perf_counter() - started < seconds:
        chosen = np.arange(drawn, drawn + chunk) % len(frames[0])
        pictures = views.render(*jax.tree.map(lambda x, chosen=chosen: x[chosen], frames))
        drawn += chunk
    return drawn * pictures.shape[1] / (time.perf_counter() - started)


main = cli.program(run, __doc__, define_flags, base_config, schema)


if __name__ == "__main__":
    sys.exit(main())
