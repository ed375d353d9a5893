"""The presets in `experiments/configs`, and the choice of one for the device."""

from pathlib import Path

import jax
from absl import flags
from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from experiments.command_line.config_files import load_config_file

CONFIGS = Path(__file__).parents[1] / "configs"


def device_preset(values: flags.FlagValues) -> ConfigDict:
    """Loads `--config=FILE`, or the device's preset: `quick` on a CPU, `dactyl` elsewhere."""
    return load_config_file(values.config or str(CONFIGS / f"{device_preset_name()}.py"))


def config_name(values: flags.FlagValues) -> str:
    """Returns the name of the configuration file in use, without its suffix."""
    return Path(values.config).stem if values.config else device_preset_name()


def device_preset_name() -> str:
    """Returns `quick` if JAX finds only a CPU, else `dactyl`."""
    return "quick" if jax.default_backend() == "cpu" else "dactyl"


def device_overrides(config: ConfigDict) -> list[str]:
    """Returns the arguments that turn the device's preset into a configuration."""
    base = load_config_file(str(CONFIGS / f"{device_preset_name()}.py"))
    saved = dict(config_lib.leaves(base))
    return [
        f"--config.{field}={value}"
        for field, value in config_lib.leaves(config)
        if value != saved[field]
    ]
