"""Trained policies by name: a run's work directory, or `pretrained[:NAME]` for the package's."""

from ml_collections import ConfigDict

from dactyl_jax import pretrained
from dactyl_jax.learning import PolicyCheckpoint, restore_policy
from experiments.workdir import WorkDirectory


def load_config(run: str) -> ConfigDict:
    """The configuration that a policy was trained with.

    Args:
        run: a work directory, `pretrained`, or `pretrained:NAME`.

    Raises:
        ValueError: there is none, or it cannot be read.
    """
    name = _pretrained(run)
    return pretrained.load(name)[0] if name else WorkDirectory(run).load_config()


def load_policy(run: str) -> PolicyCheckpoint:
    """The policy itself, of a run's newest checkpoint; argument and errors as of `load_config`."""
    name = _pretrained(run)
    if name:
        return pretrained.policy(name)
    WorkDirectory(run).load_config()
    return restore_policy(run)


def _pretrained(run: str) -> str | None:
    """The package's name of a policy; None for a work directory."""
    word, _, name = run.partition(":")
    return (name or pretrained.NAMES[0]) if word == "pretrained" else None
