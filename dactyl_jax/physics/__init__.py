"""Batched physics: one interface, three engines.

`native` runs MuJoCo's C code on the host's cores, `mjx-jax` runs on any device that JAX supports,
`mjx-warp` is the fast engine for NVIDIA GPUs. All share the state, the per-environment parameters
and the report of `state.py`.
"""

from dactyl_jax.physics.constants import derive
from dactyl_jax.physics.engine import ENGINES, Engine, make_engine, resolve_engine
from dactyl_jax.physics.native import NativeEngine
from dactyl_jax.physics.raw import raw_replay
from dactyl_jax.physics.state import (
    Parameters,
    State,
    StepInfo,
    initial_state,
    nominal_parameters,
    nominal_value,
    sound,
)
from dactyl_jax.physics.watch import Divergence, WatchedEngine, read_divergence

__all__ = [
    "ENGINES",
    "Divergence",
    "Engine",
    "NativeEngine",
    "Parameters",
    "State",
    "StepInfo",
    "WatchedEngine",
    "derive",
    "initial_state",
    "make_engine",
    "nominal_parameters",
    "nominal_value",
    "raw_replay",
    "read_divergence",
    "resolve_engine",
    "sound",
]
