"""The work directory of a pose network's run."""

from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from dactyl_jax.vision import config as schema
from experiments.base import files
from experiments.runs.workdir import WorkDirectory


class VisionDirectory(WorkDirectory):
    """Of a run of the vision, with a copy of the calibration that it learns with, if any."""

    def load_config(self) -> ConfigDict:
        """As any work directory's; `cameras` is the copy."""
        return schema.saved_at(super().load_config(), self.path)

    def check(self, config: ConfigDict) -> bool:
        """As any work directory's; calibrations are compared by what they hold."""
        if self.config_file.is_file():
            saved = self.load_config()
            if schema.cameras(config) == schema.cameras(saved):
                config = config.copy_and_resolve_references()
                config.cameras = saved.cameras
        return super().check(config)

    def claim(self, config: ConfigDict, came_from: dict[str, Any]) -> None:
        """As any work directory's."""
        copy_cameras(config, self.path)
        super().claim(config, came_from)


def copy_cameras(config: ConfigDict, folder: Path) -> None:
    """Puts the calibration that a configuration names, if any, where `schema.saved_at` looks."""
    if config.cameras:
        files.write_bytes(folder / schema.CAMERAS, Path(config.cameras).read_bytes())


def work_directory(path: str) -> VisionDirectory:
    """Of a run of the vision."""
    return VisionDirectory(path, schema.default, "experiments.train_vision")
