"""Dactyl in JAX: a simulated Shadow hand learns to turn objects in its palm."""

import os

# With one CPU, XLA has one thread. A host callback, as the native engine makes them, occupies it
# and waits for ever for its own arguments, which that thread is to copy. JAX reads this at its
# start. (jaxlib 0.10.2, with arguments of more than 100 kB)
if hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) == 1:
    os.environ.setdefault("PJRT_NPROC", "2")
