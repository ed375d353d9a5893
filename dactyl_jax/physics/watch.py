"""An engine wrapper that saves the inputs of a call in which a simulation diverges.

For each diverged environment, NAME.npz holds the state before the call and its parameters as plain
arrays; NAME.json holds the engine, the number of physics steps and the configuration. An engine is
a pure function, so these files reproduce the divergence.
"""

import dataclasses
import json
import threading
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dactyl_jax.errors import UserError
from dactyl_jax.physics.engine import Engine
from dactyl_jax.physics.state import Parameters, State, StepInfo, sound

_FORMAT, _VERSION = "dactyl_jax divergence", 1
_MOST = 20  # environments per folder; divergences rarely come alone
_FILES = "diverged_[0-9][0-9][0-9].json"


class Divergence(NamedTuple):
    """Inputs of a call that diverged.

    Attributes:
        parameters: `[1, ...]` each.
        state: `[1, ...]`, including controls and applied forces.
        num_steps: physics steps of the call.
        engine: name of the engine that diverged.
        config: configuration of the task, a tree of plain values.
    """

    parameters: Parameters
    state: State
    num_steps: int
    engine: str
    config: dict[str, Any]


class WatchedEngine:
    """Steps like the engine that it wraps.

    Args:
        engine: engine to wrap.
        folder: directory for the files; existing files are kept.
        config: configuration of the task to store with them, a tree of plain values.
    """

    def __init__(self, engine: Engine, folder: Path, config: dict[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name, self.model = engine.name, engine.model
        self._engine, self._folder, self._config = engine, folder, config
        self._lock = threading.Lock()

    def step(self, parameters: Parameters, state: State, num_steps: int) -> tuple[State, StepInfo]:
        """See `Engine.step`."""
        after, info = self._engine.step(parameters, state, num_steps)
        diverged = info.diverged | ~sound(after)

        def write(diverged, parameters, state):
            self._write(np.asarray(diverged), parameters, state, num_steps)

        jax.lax.cond(
            diverged.any(),
            lambda *given: jax.debug.callback(write, *given),
            lambda *given: None,
            diverged,
            parameters,
            state,
        )
        return after, info

    def _write(self, diverged: np.ndarray, parameters: Parameters, state: State, num_steps: int):
        with self._lock:
            taken = [int(file.stem[-3:]) for file in self._folder.glob(_FILES)]
            first = max(taken, default=-1) + 1
            for number, row in enumerate(
                np.flatnonzero(diverged)[: max(_MOST - first, 0)], start=first
            ):
                arrays = {
                    f"parameters/{name}": np.asarray(x)[row] for name, x in parameters.items()
                }
                for field in dataclasses.fields(state):
                    arrays[f"state/{field.name}"] = np.asarray(getattr(state, field.name))[row]
                file = self._folder / f"diverged_{number:03d}.json"
                np.savez_compressed(file.with_suffix(".npz"), **arrays)
                about = {
                    "format": _FORMAT,
                    "version": _VERSION,
                    "engine": self.name,
                    "num_steps": num_steps,
                    "environment": int(row),
                    "config": self._config,
                }
                file.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def read_divergence(file: Path) -> Divergence:
    """Reads the files of a `WatchedEngine`.

    Args:
        file: either the .npz or the .json file.

    Raises:
        ValueError: one of the two is missing, or they have another format.
    """
    try:
        about = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
        if (about["format"], about["version"]) != (_FORMAT, _VERSION):
            raise ValueError("it has another format")
        with np.load(file.with_suffix(".npz"), allow_pickle=False) as arrays:
            rows = {name: arrays[name][None] for name in arrays}
        names = [field.name for field in dataclasses.fields(State)]
        return Divergence(
            {
                name.removeprefix("parameters/"): jnp.asarray(values)
                for name, values in rows.items()
                if name.startswith("parameters/")
            },
            State(**{name: jnp.asarray(rows[f"state/{name}"]) for name in names}),
            about["num_steps"],
            about["engine"],
            about["config"],
        )
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{str(file)!r} is not a readable divergence ({error}); name a file that --dump_nan "
            "wrote, with the .json or .npz beside it"
        ) from None
