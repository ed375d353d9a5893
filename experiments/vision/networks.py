"""Trained pose networks by name: a run's work directory, or the package's."""

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax import pretrained
from dactyl_jax.errors import UserError
from dactyl_jax.vision.checkpoints import restore_estimator
from dactyl_jax.vision.estimator import Estimator
from experiments.vision import directory


def load_config(values: flags.FlagValues) -> ConfigDict:
    """Loads the configuration that the network was trained with.

    Raises:
        ValueError: neither or both flags are given, or the configuration is missing or unreadable.
    """
    if values.pretrained and values.workdir is not None:
        raise UserError("--workdir and --pretrained each name a network; leave one of them out")
    if values.pretrained:
        return pretrained.load_vision()[0]
    if values.workdir is None:
        raise UserError(
            "--workdir is missing: name a work directory of experiments.train_vision, or give "
            "--pretrained"
        )
    return directory.work_directory(values.workdir).load_config()


def load_estimator(values: flags.FlagValues) -> Estimator:
    """Loads the network from a run's newest checkpoint; errors as in `load_config`."""
    if values.pretrained:
        return pretrained.load_vision()[1]
    return restore_estimator(values.workdir)
