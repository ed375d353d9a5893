"""Base configurations of the vision programs."""

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax.vision import config as schema
from experiments import command_line


def file_or_default(values: flags.FlagValues) -> ConfigDict:
    """Loads `--config=FILE`, or the defaults."""
    if values.config:
        return command_line.load_config_file(values.config, schema)
    return schema.default()


def device_preset(values: flags.FlagValues) -> ConfigDict:
    """Loads `--config=FILE`, or `vision_quick` on a CPU, or the defaults elsewhere."""
    if not values.config and command_line.device_preset_name() == "quick":
        return command_line.load_config_file(str(command_line.CONFIGS / "vision_quick.py"), schema)
    return file_or_default(values)
