"""Makes policy bundles, which `hardware` runs where there is no JAX.

Only the program `hardware.export` imports this package. It stands on `dactyl_jax` and the rest of
`experiments`, and of `hardware` on the bundle's format (`bundle`, `simulation.models`), on what a
robot host makes of a command's rate (`safety`), and on `trials.verification`, which judges every
bundle that is made. Nothing else in `dactyl_jax` or `experiments` imports `hardware`.
"""
