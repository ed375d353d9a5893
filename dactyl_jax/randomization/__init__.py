"""What is randomised: terms, each with its law, and presets of them.

`physics` terms change the model an episode runs under, `actuation` terms what becomes of the
controller's targets, `sensing` terms what the policy reads. `TERMS` holds them all.
"""

from ml_collections import ConfigDict

from dactyl_jax.randomization import actuation, physics, sensing, terms
from dactyl_jax.randomization.pipeline import Memory, Pipeline
from dactyl_jax.randomization.terms import FAMILIES, PRESETS, Term

TERMS: tuple[Term, ...] = (*physics.TERMS, *actuation.TERMS, *sensing.TERMS)


def check(config: ConfigDict) -> None:
    """Checks the laws of all terms, see `terms.check`.

    Raises:
        ValueError: names the field, the value it has and those it may have.
    """
    terms.check(TERMS, config)


__all__ = [
    "FAMILIES",
    "PRESETS",
    "TERMS",
    "Memory",
    "Pipeline",
    "Term",
    "actuation",
    "check",
    "physics",
    "sensing",
]
