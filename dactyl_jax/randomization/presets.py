"""Which terms a preset's name enables."""

from ml_collections import ConfigDict

PRESETS: dict[str, frozenset[str]] = {
    "none": frozenset(),
    "basic": frozenset({"friction", "mass", "damping", "gain", "observation_noise"}),
}


def enabled(config: ConfigDict, term: str) -> bool:
    """Whether a term is on: its own `enabled` where that is set, else as the preset has it."""
    own = config.terms[term].enabled
    return term in PRESETS[config.randomization] if own is None else own
