"""Dactyl in JAX: a simulated Shadow hand learns to turn objects in its palm."""

import os

from dactyl_jax.cpus import available_cpus

# With one CPU, XLA has one thread. A host callback, as the native engine makes them, occupies it
# and waits for ever for its own arguments, which that thread is to copy. JAX reads this at its
# start. (jaxlib 0.10.2, with arguments of more than 100 kB)
if available_cpus() == 1:
    os.environ.setdefault("PJRT_NPROC", "2")
