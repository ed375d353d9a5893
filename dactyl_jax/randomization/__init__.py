"""Domain randomisation: terms with their laws, and presets of terms.

`physics` terms change the model under which an episode runs, `actuation` terms change what the
motors receive, `sensing` terms change what the policy reads. `TERMS` lists all of them.
"""

from ml_collections import ConfigDict

from dactyl_jax.randomization import actuation, physics, sensing, terms
from dactyl_jax.randomization.pipeline import Memory, Pipeline
from dactyl_jax.randomization.terms import FAMILIES, PRESETS, Term

TERMS: tuple[Term, ...] = (*physics.TERMS, *actuation.TERMS, *sensing.TERMS)


def check(config: ConfigDict) -> None:
    """Checks the laws of all terms, see `terms.check`.

    Raises:
        ValueError: names the field, its value and the allowed values.
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
