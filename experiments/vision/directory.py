"""The work directory of a pose network's training run."""

from dactyl_jax.vision import config as schema
from experiments.runs.workdir import WorkDirectory


def work_directory(path: str) -> WorkDirectory:
    """Returns the work directory of a vision run."""
    return WorkDirectory(path, schema.default, "experiments.train_vision")
