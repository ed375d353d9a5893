"""An engine's plain stepping without this project's code: the baseline for benchmarks.

Recorded states are stepped again with their recorded controls by the engine's API, so that the work
(contacts, constraints, solver iterations) equals that of the original run.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from mujoco.batch import Batch

from dactyl_jax.physics import constants
from dactyl_jax.physics.engine import Engine
from dactyl_jax.physics.native import STATE_FIELDS, NativeEngine
from dactyl_jax.physics.state import Parameters, State


def raw_replay(
    engine: Engine, parameters: Parameters, recorded_states: State, num_steps: int
) -> Callable[[], None]:
    """Returns a function that steps an entire recording once and waits for the result.

    Args:
      engine: the engine to compare with; its model, threads and capacity are used, but not its
        code.
      parameters: [env, ...], as for `Engine.step`.
      recorded_states: [time, env, ...], states (with controls) at the start of control steps.
      num_steps: physics steps per control step.
    """
    if isinstance(engine, NativeEngine):
        return _native_replay(engine, parameters, recorded_states, num_steps)
    return _mjx_replay(engine, parameters, recorded_states, num_steps)


def _native_replay(
    engine: NativeEngine, parameters: Parameters, recorded: State, num_steps: int
) -> Callable[[], None]:
    """A Python loop over a plain Batch, without JAX."""
    rows = [np.asarray(getattr(recorded, name), np.float64) for name in STATE_FIELDS]
    length, num_envs = rows[0].shape[:2]
    batch = Batch(engine.model, num_envs, engine.threads)
    for name in constants.drawn_fields(parameters):
        batch.expand(constants.batch_field(name))[...] = np.asarray(parameters[name])
    batch.set_const()
    views = [batch.bind(name) for name in STATE_FIELDS]

    def replay() -> None:
        for t in range(length):
            for view, values in zip(views, rows, strict=True):
                view[...] = values[t]
            batch.step(nstep=num_steps)

    return replay


def _mjx_replay(
    engine: Engine, parameters: Parameters, recorded: State, num_steps: int
) -> Callable[[], None]:
    """One compiled loop of vmapped `mjx.step` over the recording."""
    from mujoco import mjx  # slow to import, not needed by native

    from dactyl_jax.physics.mjx import MjxEngine, advance, write_state

    if not isinstance(engine, MjxEngine):
        raise ValueError(f"engine: raw stepping supports native and mjx, not {engine.name!r}")
    recorded = jax.tree.map(jnp.asarray, recorded)
    parameters = {name: jnp.asarray(values) for name, values in parameters.items()}
    template = engine.make_data(recorded.qpos.shape[1])

    @jax.jit
    def replay(parameters: Parameters, recorded: State) -> jax.Array:
        model, axes = engine.batched_model(parameters)

        @functools.partial(jax.vmap, in_axes=(axes, 0))
        def control_step(model: "mjx.Model", state: State) -> jax.Array:
            data, _ = jax.lax.scan(
                lambda data, _: (advance(model, data), None),
                write_state(template, state),
                length=num_steps,
            )
            return data.qpos

        with jax.default_matmul_precision("highest"):
            return jax.lax.scan(
                lambda total, state: (total + control_step(model, state).sum(), None),
                jnp.zeros(()),
                recorded,
            )[0]

    def run() -> None:
        jax.block_until_ready(replay(parameters, recorded))

    return run
