"""Trained pose networks by name: a run's work directory, or the package's."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax.errors import UserError
from dactyl_jax.vision import config as schema
from experiments import files
from experiments.workdir import WorkDirectory

if TYPE_CHECKING:
    from dactyl_jax.vision.estimator import Estimator


def define_run_flag(values: flags.FlagValues) -> None:
    """Defines `--workdir` or `--pretrained` of a network that is there already."""
    flags.DEFINE_string(
        "workdir",
        None,
        "work directory of experiments.train_vision; or give --pretrained",
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "pretrained", False, "the package's network in place of a run's", flag_values=values
    )


def load_config(values: flags.FlagValues) -> ConfigDict:
    """The configuration that the network was trained with.

    Raises:
        ValueError: none is named, or two are, there is none, or it cannot be read.
    """
    if values.pretrained and values.workdir is not None:
        raise UserError("--workdir and --pretrained each name a network; leave one of them out")
    if values.pretrained:
        from dactyl_jax import pretrained

        return pretrained.load_vision()[0]
    if values.workdir is None:
        raise UserError(
            "--workdir is missing: name one that experiments.train_vision wrote, or give "
            "--pretrained"
        )
    return work_directory(values.workdir).load_config()


def load_estimator(values: flags.FlagValues) -> "Estimator":
    """That network, of a run's newest checkpoint; errors as of `load_config`."""
    if values.pretrained:
        from dactyl_jax import pretrained

        return pretrained.load_vision()[1]
    from dactyl_jax.vision.checkpoints import restore_estimator

    return restore_estimator(values.workdir)


def make_eye(workdir: str | None, renderer: str, *, object: str, tilt: float):
    """What tells a policy the pose of the object by cameras.

    Args:
        workdir: of the network's run; None for the package's.
        renderer: `warp` or `gl`.
        object, tilt: of the task; the network must have been trained with the same.

    Raises:
        UserError: it was trained with another object or tilt.
    """
    from dactyl_jax import evaluation, pretrained
    from dactyl_jax.vision.checkpoints import restore_estimator
    from experiments import vision_frames

    if workdir is None:
        config, estimator, _ = pretrained.load_vision()
    else:
        config, estimator = work_directory(workdir).load_config(), restore_estimator(workdir)
    for name, value in (("object", object), ("tilt", tilt)):
        if config[name] != value:
            raise UserError(
                f"--vision_workdir: its network was trained with {name}={config[name]!r}, the task "
                f"has {value!r}; train one with --config.{name}={value}"
            )
    model = vision_frames.load_model(config)
    source = vision_frames.make_looks(config, model, vision_frames.HELD_OUT)
    views = vision_frames.make_views(renderer, model, config.image_size)
    return evaluation.Eye(estimator, views, source)


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

    def claim(self, config: ConfigDict, origin: dict[str, Any]) -> None:
        """As any work directory's."""
        copy_cameras(config, self.path)
        super().claim(config, origin)


def copy_cameras(config: ConfigDict, folder: Path) -> None:
    """Puts the calibration that a configuration names, if any, where `schema.saved_at` looks."""
    if config.cameras:
        files.write_bytes(folder / schema.CAMERAS, Path(config.cameras).read_bytes())


def work_directory(path: str) -> VisionDirectory:
    """Of a run of the vision."""
    return VisionDirectory(path, schema.default, "experiments.train_vision")
