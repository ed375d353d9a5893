"""The bank of starts: pairs of a drawn model and a state settled under it.

A reset takes a pair, so that it costs a look-up, and no object ever starts inside a finger. Bank
and draws are made on the host by the native engine, whichever engine trains.
"""

import dataclasses

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import hand, physics, randomization
from dactyl_jax.envs.drop import dropped

_SETTLING_STEPS = 25  # control steps from letting go of the object: 2 s
_HEIGHT = 0.06  # m above its rest on the palm at which the object is let go
_POSTURE_SPREAD = 0.15  # of half an actuator's range: how far starting postures lie apart


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Bank:
    """`size` pairs: `parameters` `{field: [N, ...]}`, and `states` settled under them."""

    parameters: physics.Parameters
    states: physics.State

    @property
    def size(self) -> int:
        return self.states.qpos.shape[0]

    def take(self, pair: jax.Array) -> tuple[physics.Parameters, physics.State]:
        """Parameters and states of the pairs numbered `pair` `[E]`."""
        return jax.tree.map(lambda table: table[pair], (self.parameters, self.states))


def build(config: ConfigDict, model: mujoco.MjModel) -> Bank:
    """Draws models and lets the object settle in the palm until `config.env.bank_size` pairs stand.

    Candidate n depends on `config.seed` and n alone; those whose object left the palm or still
    moves are thrown away.

    Raises:
        ValueError: when hardly any candidate settles, because of the terms or the tilt.
    """
    size = config.env.bank_size
    layout = hand.layout(model)
    engine = physics.make_engine("native", model)
    substeps = round(config.env.control_dt / config.env.sim_dt)
    kept: list[tuple[physics.Parameters, physics.State]] = []
    found = drawn = 0
    while found < size:
        indices = np.arange(drawn, drawn + size)
        drawn += size
        fields = randomization.physics.draw(model, config, indices)
        derived = physics.derive(model, fields) if fields else {}
        parameters = {name: jnp.asarray(v, jnp.float32) for name, v in derived.items()}
        state = _let_go(model, layout, config.seed, indices)
        failed = np.zeros(size, bool)
        for _ in range(_SETTLING_STEPS):
            state, info = engine.step(parameters, state, substeps)
            failed |= np.asarray(info.diverged)
        good = ~failed & _settled(layout, state)
        found += int(good.sum())
        kept.append(_rows((parameters, state), good))
        if drawn >= 8 * size and found < drawn // 50:
            raise ValueError(
                f"Only {found} of {drawn} starts left the object in the palm; "
                f"lower config.env.tilt ({config.env.tilt}) or narrow the ranges in config.terms."
            )
    parameters, states = jax.tree.map(
        lambda *parts: jnp.asarray(np.concatenate(parts)[:size]), *kept
    )
    states = dataclasses.replace(states, time=jnp.zeros_like(states.time))
    return Bank(parameters, states)


def _let_go(
    model: mujoco.MjModel, layout: hand.Layout, seed: int, indices: np.ndarray
) -> physics.State:
    """The object in a random orientation above the palm, the hand in a posture near its start."""
    state = physics.initial_state(model, len(indices))
    qpos, ctrl = np.array(state.qpos), np.array(state.ctrl)
    low, high = layout.ctrl_range.T
    for row, index in enumerate(indices):
        rng = np.random.default_rng([seed, 1, int(index)])
        spread = _POSTURE_SPREAD * 0.5 * (high - low)
        ctrl[row] = np.clip(layout.start_targets + rng.uniform(-spread, spread), low, high)
        quaternion = rng.normal(size=4)
        offset = np.append(rng.uniform(-0.01, 0.01, 2), _HEIGHT)
        qpos[row, layout.object_qpos[:3]] = layout.palm_position + offset
        qpos[row, layout.object_qpos[3:]] = quaternion / np.linalg.norm(quaternion)
    # A coupled pair shares its angle equally.
    shares = layout.coupling / layout.coupling.sum(axis=1, keepdims=True)
    qpos[:, layout.joint_qpos] = ctrl @ shares
    return dataclasses.replace(state, qpos=jnp.asarray(qpos), ctrl=jnp.asarray(ctrl))


def _rows(tree, mask: np.ndarray):
    return jax.tree.map(lambda leaf: np.asarray(leaf)[mask], tree)


def _settled(layout: hand.Layout, state: physics.State) -> np.ndarray:
    speed = np.abs(np.asarray(state.qvel)[:, layout.object_qvel])
    still = (speed[:, :3] < 0.05).all(axis=1) & (speed[:, 3:] < 1.0).all(axis=1)
    return still & ~np.asarray(dropped(layout, state))
