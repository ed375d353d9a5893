"""The native engine: MuJoCo's C code on a thread pool, called from compiled JAX."""

import functools
import threading
from collections.abc import Mapping
from typing import Any

import jax
import mujoco
import numpy as np
from mujoco import batch as mujoco_batch

from dactyl_jax import devices
from dactyl_jax.cpus import available_cpus
from dactyl_jax.physics import constants
from dactyl_jax.physics import state as state_lib
from dactyl_jax.physics.state import Parameters, State, StepInfo

_OVERFLOW = np.array(
    [mujoco.mjtWarning.mjWARN_CONTACTFULL, mujoco.mjtWarning.mjWARN_CNSTRFULL], np.int32
)
STATE_FIELDS = ("qpos", "qvel", "ctrl", "qacc_warmstart", "qfrc_applied", "time")


class _Rows:
    """A Batch and the parameters that each of its rows holds."""

    def __init__(self, model: mujoco.MjModel, num_rows: int, fields: tuple[str, ...], threads: int):
        self.lock = threading.Lock()
        self.batch = mujoco_batch.Batch(model, num_rows, threads)
        self.state = tuple(self.batch.bind(name) for name in STATE_FIELDS)
        self.constraint_force = self.batch.bind("qfrc_constraint")
        self._expanded = {name: self.batch.expand(constants.batch_field(name)) for name in fields}
        # Contents of each row, in the caller's precision; None before the first call.
        self._held: dict[str, np.ndarray | None] = dict.fromkeys(fields)

    def write_parameters(self, parameters: Mapping[str, np.ndarray]) -> np.ndarray:
        """Updates the rows to `parameters`; constants are derived again for changed rows only.

        Returns:
          [row] bool: MuJoCo rejected the row's values, so the row does not hold them.
        """
        stale = np.zeros(self.batch.nsim, bool)
        for name, values in parameters.items():
            held = self._held[name]
            if held is None:
                self._held[name] = values.copy()
                self._expanded[name][...] = values
                changed = np.ones(self.batch.nsim, bool)
            elif np.array_equal(held, values):
                continue
            else:
                differs = held != values
                changed = differs.reshape(len(differs), -1).any(axis=1)
                held[changed] = values[changed]
                self._expanded[name][changed] = values[changed]
            if constants.changes_constants(name):
                stale |= changed
        refused = np.zeros(self.batch.nsim, bool)
        if stale.any():
            try:
                self.batch.set_const(stale)
            except mujoco_batch.SimulationError as error:
                refused[error.ids] = True
                self._forget(refused)
        return refused

    def _forget(self, rows: np.ndarray) -> None:
        """Marks `rows` as different from any parameters, so that they are written again."""
        for held in self._held.values():
            if held is not None:
                held[rows] = np.nan


class NativeEngine:
    """Steps environments with `mujoco.batch.Batch`: float64 inside, float32 outside.

    To its callers this is a pure function. A Batch is kept for each number of environments, set of
    fields and device of a mesh. Every call writes the complete state, and rewrites rows whose
    parameters have changed, with their derived constants (mj_setConst). Constants among the
    parameters are ignored, because MuJoCo derives them itself.
    """

    name = "native"

    def __init__(self, model: mujoco.MjModel, threads: int | None = None):
        """Copies `model`; `threads` defaults to a device's share of the CPUs.

        This disables MuJoCo's log for the whole process. A diverged row would print lines and write
        MUJOCO_LOG.TXT to the current directory; StepInfo reports it anyway.
        """
        log = mujoco.MjLogConfig.get()
        log.logto_console = log.logto_file = False
        log.set()
        self.model = constants.without_autoreset(model)
        self.threads = threads or max(available_cpus() // jax.local_device_count(), 1)
        self._object = state_lib.object_force_slice(model)
        self._rows: dict[tuple[int, tuple[str, ...], int], _Rows] = {}
        self._lock = threading.Lock()

    def step(self, parameters: Parameters, state: State, num_steps: int) -> tuple[State, StepInfo]:
        """Runs `num_steps` physics steps with constant controls and applied forces.

        Inside a compiled function this is a host callback; with concrete arrays it runs directly.
        """
        drawn = {name: parameters[name] for name in constants.drawn_fields(parameters)}
        if not any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves((drawn, state))):
            return self._step_on_host(num_steps, drawn, state)
        shape: Any = jax.ShapeDtypeStruct
        num_envs = state.qpos.shape[0]
        results = (
            jax.tree.map(lambda x: shape(x.shape, np.float32), state),
            StepInfo(
                contact_force=shape((num_envs, 3), np.float32),
                overflow=shape((num_envs,), np.bool_),
                diverged=shape((num_envs,), np.bool_),
            ),
        )
        return jax.pure_callback(
            functools.partial(self._step_on_host, num_steps),
            results,
            drawn,
            state,
            devices.index(),
        )

    def _step_on_host(
        self, num_steps: int, parameters: Parameters, state: State, share: Any = 0
    ) -> tuple[State, StepInfo]:
        drawn = {name: np.asarray(x, np.float32) for name, x in parameters.items()}
        given = {name: np.asarray(getattr(state, name)) for name in STATE_FIELDS}
        rows = self._rows_for(len(given["qpos"]), tuple(drawn), int(share))
        batch = rows.batch
        with rows.lock:
            diverged: Any = rows.write_parameters(drawn)
            for view, name in zip(rows.state, STATE_FIELDS, strict=True):
                view[...] = given[name]
            batch.warning[...] = 0
            try:
                batch.step(nstep=num_steps)
            except mujoco_batch.SimulationError as error:
                diverged[error.ids] = True
            result = State(
                **{
                    name: view.astype(np.float32)
                    for view, name in zip(rows.state, STATE_FIELDS, strict=True)
                }
            )
            force = rows.constraint_force[:, self._object].astype(np.float32)
            raised = batch.warning[:, :, 1] > 0
        overflow = raised[:, _OVERFLOW].any(axis=1)
        raised[:, _OVERFLOW] = False
        diverged |= raised.any(axis=1)
        for value in (result.qpos, result.qvel, result.qacc_warmstart):
            diverged |= ~np.isfinite(value).all(axis=1)
        return result, StepInfo(contact_force=force, overflow=overflow, diverged=diverged)

    def _rows_for(self, num_rows: int, fields: tuple[str, ...], share: int) -> _Rows:
        with self._lock:
            key = (num_rows, fields, share)
            if key not in self._rows:
                self._rows[key] = _Rows(self.model, num_rows, fields, self.threads)
            return self._rows[key]
