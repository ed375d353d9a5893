"""The interface of a physics engine, and the choice of an engine for a device."""

import importlib.util
from typing import Protocol

import jax
import mujoco

from dactyl_jax.errors import UserError
from dactyl_jax.physics.native import NativeEngine
from dactyl_jax.physics.state import Parameters, State, StepInfo

ENGINES = ("native", "mjx-jax", "mjx-warp")
_FOR_PLATFORM = {"cpu": "native", "gpu": "mjx-warp", "cuda": "mjx-warp", "tpu": "mjx-jax"}


class Engine(Protocol):
    """Steps a batch of environments of one model; pure, and usable inside jit and scan."""

    name: str
    model: mujoco.MjModel

    def step(self, parameters: Parameters, state: State, num_steps: int) -> tuple[State, StepInfo]:
        """Advances every environment by `num_steps` physics steps.

        Controls and applied forces stay constant. Parameters hold drawn fields together with the
        constants that `derive` computes for them; missing fields take the model's values.
        """
        ...


def resolve_engine(name: str) -> str:
    """Resolves an engine name; `auto` is the fastest engine on JAX's default device.

    Raises:
      ValueError: the engine is unknown, or this device or installation cannot run it.
    """
    if name != "auto" and name not in ENGINES:
        raise UserError(f"engine: must be auto, {', '.join(ENGINES)}, but is {name!r}")
    platform = jax.default_backend()
    if name == "auto":
        name = _FOR_PLATFORM.get(platform, "mjx-jax")
    if name == "mjx-warp":
        _require_warp(platform)
    return name


def make_engine(name: str, model: mujoco.MjModel) -> Engine:
    """Makes the named engine, see `resolve_engine`, for environments of `model`."""
    name = resolve_engine(name)
    if name == "native":
        return NativeEngine(model)
    from dactyl_jax.physics.mjx import MjxEngine  # slow to import, not needed by native

    return MjxEngine(model, name.removeprefix("mjx-"))


def _require_warp(platform: str) -> None:
    if importlib.util.find_spec("warp") is None:
        raise UserError(
            "engine: mjx-warp needs the package warp-lang (pip install 'mujoco-mjx[warp]')"
        )
    if platform not in ("cpu", "gpu", "cuda"):
        raise UserError(
            f"engine: mjx-warp runs on CUDA devices and CPUs, not on {platform!r}; use mjx-jax"
        )
