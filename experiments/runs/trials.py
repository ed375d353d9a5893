"""Changes to a policy's training configuration for trials."""

from ml_collections import ConfigDict


def trial_seed(seed: int) -> int:
    """Returns the configuration's seed for trials of `seed`; unlikely to be a training seed."""
    return (seed + 1_000_003) % 2**31


def for_trials(config: ConfigDict, seed: int) -> ConfigDict:
    """Adapts a saved configuration to trials of `seed` on this device.

    The seed changes, so that initial states and hands differ from those of the training.
    """
    config = config.copy_and_resolve_references()
    config.engine = "auto"
    config.seed = trial_seed(seed)
    return config
