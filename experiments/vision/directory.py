"""The work directory of a pose network's training run."""

from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from dactyl_jax.vision import config as schema
from experiments.base import files
from experiments.runs.workdir import WorkDirectory


class VisionDirectory(WorkDirectory):
    """Work directory of a vision run, with a copy of its camera calibration, if any."""

    def load_config(self) -> ConfigDict:
        """Loads the configuration; `cameras` points to the copied calibration."""
        return schema.saved_at(super().load_config(), self.path)

    def check(self, config: ConfigDict) -> bool:
        """Checks as in the base class, but compares calibrations by content."""
        if self.config_file.is_file():
            saved = self.load_config()
            if schema.cameras(config) == schema.cameras(saved):
                config = config.copy_and_resolve_references()
                config.cameras = saved.cameras
        return super().check(config)

    def claim(self, config: ConfigDict, came_from: dict[str, Any]) -> None:
        """Copies the calibration, then claims the directory as in the base class."""
        copy_cameras(config, self.path)
        super().claim(config, came_from)


def copy_cameras(config: ConfigDict, folder: Path) -> None:
    """Copies the configured calibration, if any, to where `schema.saved_at` reads it."""
    if config.cameras:
        files.write_bytes(folder / schema.CAMERAS, Path(config.cameras).read_bytes())


def work_directory(path: str) -> VisionDirectory:
    """Returns the work directory of a vision run."""
    return VisionDirectory(path, schema.default, "experiments.train_vision")
