"""The pose network's preset for two CPU cores: small images, small trunk, two passes per frame."""

from ml_collections import ConfigDict

from dactyl_jax.vision import config as config_lib


def get_config() -> ConfigDict:
    """Returns the preset; it reduces rendering and convolution, which dominate the cost."""
    config = config_lib.default()
    config.image_size = 100
    config.network.channels, config.network.blocks = (32, 64, 64), (1, 1, 1)
    config.network.strides = (1, 2, 1)
    config.training.frames, config.training.passes = 256, 2
    config.training.batch = 32
    config.training.learning_rate = 1e-3
    config.training.halve_every = 4000
    config.training.weight_decay = 1e-4
    return config
