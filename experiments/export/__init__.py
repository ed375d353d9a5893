"""Exports policies as bundles, which `hardware` runs without JAX.

Only the program `hardware.export` imports this package. It depends on `dactyl_jax`, on the rest of
`experiments`, and on four modules of `hardware`: the bundle format (`bundle`, `simulation.models`),
the limits that a robot host enforces on command rates (`safety`), and `trials.verification`, which
verifies every exported bundle. Nothing else in `dactyl_jax` or `experiments` imports `hardware`.
"""
