"""The paper's setting for one accelerator: 1024 dense units, 512 LSTM cells, 8192 environments."""

from dactyl_jax import config as config_lib


def get_config():
    """The defaults of dactyl_jax.config, which are the paper's."""
    return config_lib.default()
