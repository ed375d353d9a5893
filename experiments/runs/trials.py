"""What trials change in the configuration that a policy was trained with."""

from ml_collections import ConfigDict


def trial_seed(seed: int) -> int:
    """The configuration's seed for trials of `seed`: not one that people train with."""
    return (seed + 1_000_003) % 2**31


def for_trials(config: ConfigDict, seed: int) -> ConfigDict:
    """A saved configuration, for trials of `seed` on the device at hand.

    Its seed is that of trials, so that their starts and hands are not those of the training.
    """
    config = config.copy_and_resolve_references()
    config.engine = "auto"
    config.seed = trial_seed(seed)
    return config
