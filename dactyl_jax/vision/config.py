"""The configuration schema of vision: all fields, their defaults and their allowed values."""

import math

from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax import fields, hand
from dactyl_jax.config import CHECKPOINT_S
from dactyl_jax.fields import Field, at_least, one_of, positive, sizes, unit
from dactyl_jax.vision import appearance, images

TERMS = (*appearance.TERMS, *images.TERMS)
_SCHEMA: fields.Schema = {
    "seed": 0,
    "object": one_of("block", hand.OBJECTS),
    # Angle between the palm and the horizontal, rad; positive lowers the fingers.
    "tilt": Field(0.3, "between -pi/2 and pi/2", lambda angle: abs(angle) < math.pi / 2),
    # File of calibrated cameras (hand.write_rig); empty for the simulation's rig.
    "cameras": "",
    # Width and height of the network's input images, pixels.
    "image_size": positive(200),
    # Size of the pool of simulated states from which frames are drawn.
    "states": positive(40_000),
    "terms": {term.name: {"enabled": True, **term.law} for term in TERMS},
    # Fractions of frames whose object keeps its pose, or is rotated by quarter turns about one of
    # its axes. In all others the pose is jittered, by standard deviations chosen by this project.
    "pose": {
        "kept": unit(0.2),
        "turned": unit(0.4),
        "jitter_m": at_least(0, 0.005),
        "jitter_deg": at_least(0, 15.0),
    },
    "network": {
        # First layers. `paper`: two convolutions at full resolution, then pooling.
        "stem": one_of("strided", ("strided", "paper")),
        # Channels, blocks and strides of the residual stages, one number per stage.
        "channels": sizes((32, 64, 64), "numbers"),
        "blocks": sizes((1, 2, 2), "numbers"),
        "strides": sizes((1, 2, 1), "numbers"),
        # Number of image points that the spatial softmax outputs.
        "points": positive(32),
        "dense": sizes((256, 256), "layer sizes"),
    },
    # Networks that locate points in windows: channels of their layers, dilations of their blocks.
    "closer": {
        "object": {"channels": positive(48), "dilations": sizes((1, 2, 1), "dilations")},
        "forearm": {"channels": positive(32), "dilations": sizes((1, 2), "dilations")},
    },
    "training": {
        # Networks that learn: `all`, or those of the closer look, while the first look stays.
        "learns": one_of("all", ("all", "closer")),
        # Standard deviation of the centre of the windows on the object, relative to an image's half
        # width: errors of the first look.
        "centre_noise": at_least(0, 0.04),
        # Frames drawn per iteration, passes over them, and minibatch size.
        "frames": positive(512),
        "passes": positive(1),
        "batch": positive(64),
        "learning_rate": positive(5e-4),
        # Minibatches after which the learning rate is halved.
        "halve_every": positive(20_000),
        "weight_decay": at_least(0, 1e-3),
        # Weight of the auxiliary losses: squared errors of the image positions of the block's faces
        # and of the forearm's landmarks.
        "keypoint_weight": at_least(0, 1.0),
        # Share that the running average of the parameters keeps per minibatch. The averaged
        # parameters are the ones that are used.
        "averaging": unit(0.998),
    },
    # Work directory of a run whose networks a new run starts with, where their designs agree;
    # `pretrained` for the package's, empty for new networks.
    "init_from": "",
    # Folder written by experiments.render_dataset to train from; empty to render frames.
    "dataset": "",
    # Whether damaged shards are skipped; otherwise they end the program.
    "skip_damaged": False,
    "run": {
        "max_minutes": at_least(0, 150.0, " (0: no limit)"),
        "max_iterations": at_least(0, 0, " (0: no limit)"),
        "checkpoint_s": CHECKPOINT_S,
        # Iterations between evaluations on held-out frames, and the number of these frames.
        "eval_every": positive(10),
        "eval_frames": positive(200),
    },
}


def default() -> ConfigDict:
    """The paper's images and training, with a network that downsamples early.

    Returns:
        A new ConfigDict. Lengths in metres; fields that end in `_deg` in degrees. Defaults follow
        OpenAI (2018), appendices C and D.2, where they state them.
    """
    return fields.defaults(_SCHEMA)


def cameras(config: ConfigDict) -> tuple[hand.Camera, ...]:
    """The cameras of `config.cameras`, or the simulation's.

    Raises:
        ValueError: the file does not exist or is not a calibration.
    """
    return hand.read_rig(config.cameras) if config.cameras else hand.RIG


def validate(config: ConfigDict) -> None:
    """Checks every value of a configuration, so that errors surface at once.

    Raises:
        ValueError: names the field, its value and the allowed values.
    """
    fields.check(_SCHEMA, config)
    values = dict(config_lib.leaves(config))

    def fail(field: str, may_be: str) -> None:
        fields.fail(config, field, may_be)

    if config.pose.kept + config.pose.turned > 1:
        fail("pose.turned", f"at most {1 - config.pose.kept:g}, with config.pose.kept")
    stages = {len(config.network[name]) for name in ("channels", "blocks", "strides")}
    if len(stages) > 1:
        fail("network.blocks", "of the same length as config.network.channels and .strides")
    smallest = 16 if config.network.stem == "strided" else 32
    if config.image_size < smallest:
        fail("image_size", f"at least {smallest}")
    if config.training.frames % config.training.batch:
        fail("training.frames", f"a multiple of config.training.batch ({config.training.batch})")
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
