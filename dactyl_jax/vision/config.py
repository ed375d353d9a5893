"""The one configuration of the vision: its fields, their defaults and what they may be."""

import math
from pathlib import Path

from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax import hand
from dactyl_jax.errors import UserError
from dactyl_jax.vision import appearance, images

CAMERAS = "cameras.json"  # beside a saved configuration: the calibrated cameras that it is of
TERMS = (*appearance.TERMS, *images.TERMS)
_CHOICES = {"object": hand.OBJECTS, "network.stem": ("strided", "paper")}
_POSITIVE = (
    *("image_size", "states", "network.points", "network.channels", "network.blocks"),
    *("network.strides", "network.dense", "training.frames", "training.passes", "training.batch"),
    *("training.learning_rate", "training.halve_every", "run.checkpoint_s", "run.eval_every"),
    "run.eval_frames",
)
_UNIT = ("pose.kept", "pose.turned", "training.averaging")
_AT_LEAST_0 = (
    *("training.weight_decay", "training.keypoint_weight", "pose.jitter_m", "pose.jitter_deg"),
    *("run.max_minutes", "run.max_iterations"),
)


def default() -> ConfigDict:
    """The paper's pictures and training, with a network of early strides.

    Returns:
        A new ConfigDict. Lengths in metres; fields that end in `_deg` in degrees. Defaults are
        those of OpenAI (2018), appendices C and D.2, where they state them.
    """
    return ConfigDict(
        {
            "seed": 0,
            "object": "block",
            # Of the palm to the horizontal, rad.
            "tilt": 0.3,
            # A file of calibrated cameras (hand.write_rig); empty for the simulation's rig.
            "cameras": "",
            # Width and height in pixels of what the network sees.
            "image_size": 200,
            # How many states of episodes frames are drawn of.
            "states": 40_000,
            "terms": {term.name: {"enabled": True, **term.law} for term in TERMS},
            # Shares of frames whose object keeps its pose, or is turned by quarters about an axis
            # of its own; it is jittered in the rest, by deviations of our own.
            "pose": {"kept": 0.2, "turned": 0.4, "jitter_m": 0.005, "jitter_deg": 15.0},
            "network": {
                # `paper`: two convolutions at full resolution, then pooling.
                "stem": "strided",
                # Of the residual stages, one number each.
                "channels": (32, 64, 64),
                "blocks": (1, 2, 2),
                "strides": (1, 2, 1),
                # Places in a picture that the spatial softmax gives.
                "points": 32,
                "dense": (256, 256),
            },
            "training": {
                # Work is done by the iteration: so many frames are drawn, and learned from so
                # often, in minibatches.
                "frames": 512,
                "passes": 1,
                "batch": 64,
                "learning_rate": 5e-4,
                # Minibatches after which the learning rate is halved.
                "halve_every": 20_000,
                "weight_decay": 1e-3,
                # Of the mean squared errors of where the block's faces and the landmarks of the
                # forearm are in the pictures.
                "keypoint_weight": 1.0,
                # How much of the average of past parameters, which is what is used, stays in a
                # minibatch.
                "averaging": 0.998,
            },
            # A folder of experiments.render_dataset to draw frames from; empty to render them.
            "dataset": "",
            # Whether shards of it that are damaged are left out, or end the program.
            "skip_damaged": False,
            "run": {
                "max_minutes": 150.0,
                "max_iterations": 0,
                "checkpoint_s": 20.0,
                # Iterations between two looks at held-out frames, and how many there are.
                "eval_every": 10,
                "eval_frames": 200,
            },
        }
    )


def cameras(config: ConfigDict) -> tuple[hand.Camera, ...]:
    """Those of `config.cameras`, or the simulation's.

    Raises:
        ValueError: there is no such file, or it is no calibration.
    """
    return hand.read_rig(config.cameras) if config.cameras else hand.RIG


def saved_at(config: ConfigDict, folder: Path) -> ConfigDict:
    """A configuration read from a folder, with the calibration that lies there."""
    if config.cameras:
        config.cameras = str(folder / CAMERAS)
    return config


def validate(config: ConfigDict) -> None:
    """Checks every value of a configuration, so that a wrong one fails at once.

    Raises:
        ValueError: names the field, the value it has and the values it may have.
    """
    values = dict(config_lib.leaves(config))

    def fail(field: str, may_be: str):
        raise UserError(f"config.{field} is {values[field]!r}; it must be {may_be}.")

    for field, choices in _CHOICES.items():
        if values[field] not in choices:
            fail(field, "one of " + ", ".join(choices))
    for field in _POSITIVE:
        value = values[field]
        numbers = value if isinstance(value, tuple) else (value,)
        if not numbers or not all(math.isfinite(x) and x > 0 for x in numbers):
            fail(field, "greater than 0")
    for field in _UNIT:
        if not 0 <= values[field] <= 1:
            fail(field, "0 to 1")
    for field in _AT_LEAST_0:
        if not (math.isfinite(values[field]) and values[field] >= 0):
            fail(field, "0 or more")
    if config.pose.kept + config.pose.turned > 1:
        fail("pose.turned", f"at most {1 - config.pose.kept:g}, with config.pose.kept")
    if not abs(config.tilt) < math.pi / 2:
        fail("tilt", "between -pi/2 and pi/2")
    stages = {len(config.network[name]) for name in ("channels", "blocks", "strides")}
    if len(stages) > 1:
        fail("network.blocks", "of the length of config.network.channels and .strides")
    smallest = 16 if config.network.stem == "strided" else 32
    if config.image_size < smallest:
        fail("image_size", f"at least {smallest}")
    if config.training.frames % config.training.batch:
        fail("training.frames", f"a multiple of config.training.batch ({config.training.batch})")
    if config.run.checkpoint_s > 30:
        fail("run.checkpoint_s", "at most 30, so that little is lost when a run is killed")
    _validate_terms(values, fail)
    cameras(config)


def _validate_terms(values, fail) -> None:
    for term in TERMS:
        for name in term.law:
            field = f"terms.{term.name}.{name}"
            if not (math.isfinite(values[field]) and values[field] >= 0):
                fail(field, "0 or more")
            if "probability" in name and values[field] > 1:
                fail(field, "0 to 1")
            low = name.replace("high", "low")
            if name != low and values[field] < values[f"terms.{term.name}.{low}"]:
                fail(field, f"at least config.terms.{term.name}.{low}")
    if not 1 <= values["terms.lights.fewest"] <= values["terms.lights.most"] <= hand.rig.LIGHTS:
        fail("terms.lights.most", f"config.terms.lights.fewest to {hand.rig.LIGHTS}")
