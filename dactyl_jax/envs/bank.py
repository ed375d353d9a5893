"""The bank of starts: pairs of a drawn model and a state settled under it.

A reset takes a pair, so that it costs a look-up, and no object ever starts inside a finger. Bank
and draws are made on the host by the native engine, whichever engine trains, and kept on disk for
the next program that needs the same.
"""

import dataclasses
import hashlib
import importlib.resources
import json
import pickle
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import hand, physics, randomization
from dactyl_jax.cache import kept_on_disk
from dactyl_jax.envs import adr
from dactyl_jax.envs.drop import dropped
from dactyl_jax.errors import UserError

_SETTLING_STEPS = 25  # control steps from letting go of the object: 2 s
_HEIGHT = 0.06  # m above its rest on the palm at which the object is let go
_POSTURE_SPREAD = 0.15  # of half an actuator's range: how far starting postures lie apart
_KEPT = 40  # banks on disk, of a few megabytes each


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Draw:
    """What was drawn for an episode, `[N, ...]`.

    Attributes:
        parameters: `{field: [N, ...]}`, the model's drawn fields and the constants derived of them.
        numbers: what the physics terms drew, side by side, `[N, D]`.
        strengths: of each of `randomization.TERMS`, `[N, T]`; 1 is the law as configured.
        role: what the episode is for, `[N]` int32: number of the term at whose limit it plays, or
            one of `adr.FREE`, `adr.REFERENCE` (all strengths 0) and `adr.FULL` (all 1).
    """

    parameters: physics.Parameters
    numbers: jax.Array
    strengths: jax.Array
    role: jax.Array

    def by_term(self) -> dict[str, jax.Array]:
        """How strongly each term acts, `[N]` by its name."""
        return {term.name: self.strengths[:, i] for i, term in enumerate(randomization.TERMS)}


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Bank:
    """`size` pairs: draws, and states settled under them.

    Attributes:
        draws, states: `[N, ...]`.
        limits: the largest strengths of `randomization.TERMS` that it was drawn by, `[T]`.
    """

    draws: Draw
    states: physics.State
    limits: jax.Array

    @property
    def size(self) -> int:
        return self.states.qpos.shape[0]

    def take(self, pair: jax.Array) -> tuple[Draw, physics.State]:
        """Draws and states of the pairs numbered `pair` `[E]`."""
        return jax.tree.map(lambda table: table[pair], (self.draws, self.states))


def build(
    config: ConfigDict,
    model: mujoco.MjModel,
    generation: int = 0,
    limits: np.ndarray | None = None,
    strengths: np.ndarray | None = None,
) -> Bank:
    """Draws models and lets the object settle in the palm until `config.env.bank_size` pairs stand.

    Candidate n depends on `config.seed`, the generation, limits or strengths, and n alone; those
    whose object left the palm or still moves are thrown away. A bank once built is read from the
    disk, from `$XDG_CACHE_HOME/dactyl_jax` or `~/.cache/dactyl_jax`.

    Args:
        config: a whole configuration.
        model: the nominal one.
        generation: number of the bank in a run that redraws it.
        limits: of automatic domain randomisation: the largest strength of each of
            `randomization.TERMS`, `[T]`. Shares of the pairs, see `config.adr`, play at the limit
            of one term, without randomisation, and at full strength. Without limits all strengths
            are 1.
        strengths: of each of `randomization.TERMS`, `[T]`, the same in every draw; without limits
            only. Pair n is then the first of the candidates n, n + size, n + 2 size, ... that
            settles: banks at other strengths hold the same hands and starts in the same places, but
            for a candidate that settles in one of them alone.

    Raises:
        ValueError: when hardly any candidate settles, because of the terms or the tilt.
    """
    enabled = [term for term in randomization.TERMS if term.enabled(config)]
    follows_from = {
        "model_and_code": digest(model),
        "seed": config.seed,
        "generation": generation,
        "control_dt": config.env.control_dt,
        "bank_size": config.env.bank_size,
        "laws": {
            term.name: config.terms[term.name].to_dict()
            for term in randomization.physics.TERMS
            if term in enabled
        },
    }
    if strengths is not None:
        # Of physics alone, for settling knows of no other terms: banks that differ in those are one
        # on disk.
        follows_from["strengths"] = [
            float(strength)
            for term, strength in zip(randomization.TERMS, strengths, strict=True)
            if term in enabled and term in randomization.physics.TERMS
        ]
    if limits is not None:
        follows_from["limits"] = limits.tolist()
        follows_from["tested"] = [term.name for term in enabled]
        follows_from["shares"] = _shares(config)
    key = hashlib.sha256(json.dumps(follows_from, sort_keys=True).encode()).hexdigest()
    settled = kept_on_disk(
        "bank",
        key,
        ".pickle",
        lambda: _settle(config, model, generation, limits, strengths),
        pickle.dumps,
        _unpickle,
        keep=_KEPT,
    )
    bank = jax.tree.map(jnp.asarray, settled)
    if strengths is None:
        return bank
    largest = jnp.asarray(strengths, jnp.float32)
    drawn = jnp.broadcast_to(largest, bank.draws.strengths.shape)
    return Bank(dataclasses.replace(bank.draws, strengths=drawn), bank.states, largest)


def digest(model: mujoco.MjModel) -> str:
    """Of a model, and of all code that banks and trials in it follow from."""
    content = np.zeros(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, content)
    result = hashlib.sha256(content.tobytes() + mujoco.__version__.encode())
    for package in ("hand", "physics", "randomization", "envs"):
        for file in sorted(importlib.resources.files(f"dactyl_jax.{package}").iterdir(), key=str):
            if file.name.endswith(".py"):
                result.update(file.read_bytes())
    return result.hexdigest()


def _settle(
    config: ConfigDict,
    model: mujoco.MjModel,
    generation: int,
    limits: np.ndarray | None,
    strengths: np.ndarray | None,
) -> Bank:
    """A bank of numpy arrays."""
    size = config.env.bank_size
    layout = hand.layout(model)
    engine = physics.make_engine("native", model)
    substeps = round(config.env.control_dt / model.opt.timestep)
    kept: list[tuple[Draw, physics.State]] = []
    settled = chosen = np.zeros(0, int)  # numbers of candidates; which of these make the bank
    drawn = 0
    while len(chosen) < size:
        indices = np.arange(drawn, drawn + size)
        drawn += size
        draw = _draw(config, model, generation, indices, limits, strengths)
        state = _let_go(config, model, layout, generation, indices, draw.parameters)
        failed = np.zeros(size, bool)
        for _ in range(_SETTLING_STEPS):
            state, info = engine.step(draw.parameters, state, substeps)
            failed |= np.asarray(info.diverged)
        good = ~failed & _settled(layout, state)
        settled = np.append(settled, indices[good])
        kept.append(_rows((draw, state), good))
        chosen = np.arange(len(settled))
        if strengths is not None:
            chosen = np.unique(settled % size, return_index=True)[1]
        if drawn >= 8 * size and len(settled) < drawn // 50:
            raise UserError(
                f"Only {len(settled)} of {drawn} starts left the object in the palm; "
                f"lower config.env.tilt ({config.env.tilt}) or narrow the ranges in config.terms."
            )
    draws, states = jax.tree.map(lambda *parts: np.concatenate(parts)[chosen[:size]], *kept)
    states = dataclasses.replace(states, time=np.zeros_like(states.time))
    largest: Any = np.ones(len(randomization.TERMS)) if limits is None else limits
    return Bank(draws, states, largest.astype(np.float32))


def _draw(
    config: ConfigDict,
    model: mujoco.MjModel,
    generation: int,
    indices: np.ndarray,
    limits: np.ndarray | None,
    fixed: np.ndarray | None,
) -> Draw:
    count, names = len(indices), [term.name for term in randomization.TERMS]
    strengths = np.tile(np.ones(len(names)) if fixed is None else fixed, (count, 1))
    role = np.full(count, adr.FULL if fixed is None and limits is None else adr.FREE)
    enabled = np.flatnonzero([term.enabled(config) for term in randomization.TERMS])
    if limits is not None:
        for row, index in enumerate(indices):
            rng = np.random.default_rng([config.seed, 2, generation, int(index)])
            strengths[row] = rng.uniform(0, limits)
            kind = np.searchsorted(np.cumsum(_shares(config)), rng.uniform(), side="right")
            if kind == 0:
                role[row] = rng.choice(enabled)
                strengths[row, role[row]] = limits[role[row]]
            elif kind == 1:
                role[row], strengths[row] = adr.REFERENCE, 0.0
            elif kind == 2:
                role[row], strengths[row] = adr.FULL, 1.0
    # A generation's draws must not be those of another: their numbers lie apart.
    fields, numbers = randomization.physics.draw(
        model,
        config,
        indices + generation * 2**32,
        dict(zip(names, strengths.T, strict=True)),
    )
    rows: dict[str, Any] = {
        "parameters": physics.derive(model, fields) if fields else {},
        "numbers": numbers.astype(np.float32),
        "strengths": strengths.astype(np.float32),
        "role": role.astype(np.int32),
    }
    return Draw(**rows)


def _shares(config: ConfigDict) -> list[float]:
    """Of episodes at the limit of one term, without randomisation, and at full strength."""
    return [config.adr[f"{name}_share"] for name in ("boundary", "reference", "full")]


def _let_go(
    config: ConfigDict,
    model: mujoco.MjModel,
    layout: hand.Layout,
    generation: int,
    indices: np.ndarray,
    parameters: physics.Parameters,
) -> physics.State:
    """The object in a random orientation above the palm, the hand in a posture near its start."""
    state = physics.initial_state(model, len(indices))
    qpos, ctrl = np.array(state.qpos), np.array(state.ctrl)
    low, high = layout.ctrl_range.T
    for row, index in enumerate(indices):
        rng = np.random.default_rng([config.seed, 1, generation, int(index)])
        spread = _POSTURE_SPREAD * 0.5 * (high - low)
        ctrl[row] = np.clip(layout.start_targets + rng.uniform(-spread, spread), low, high)
        quaternion = rng.normal(size=4)
        offset = np.append(rng.uniform(-0.01, 0.01, 2), _HEIGHT)
        qpos[row, layout.object_qpos[:3]] = layout.palm_position + offset
        qpos[row, layout.object_qpos[3:]] = quaternion / np.linalg.norm(quaternion)
    # A coupled pair shares its angle equally; drawn limits hold from the start.
    shares = layout.coupling / layout.coupling.sum(axis=1, keepdims=True)
    limits = parameters.get("jnt_range", model.jnt_range[None])
    joints = [model.joint(name).id for name in hand.JOINTS]
    low, high = np.moveaxis(np.asarray(limits)[:, joints], -1, 0)
    qpos[:, layout.joint_qpos] = np.clip(ctrl @ shares, low, high)
    return dataclasses.replace(state, qpos=jnp.asarray(qpos), ctrl=jnp.asarray(ctrl))


def _settled(layout: hand.Layout, state: physics.State) -> np.ndarray:
    speed = np.abs(np.asarray(state.qvel)[:, layout.object_qvel])
    still = (speed[:, :3] < 0.05).all(axis=1) & (speed[:, 3:] < 1.0).all(axis=1)
    return still & ~np.asarray(dropped(layout, state))


def _rows(tree: Any, mask: np.ndarray) -> Any:
    return jax.tree.map(lambda leaf: np.asarray(leaf)[mask], tree)


def _unpickle(content: bytes) -> Bank:
    bank = pickle.loads(content)
    if not isinstance(bank, Bank):
        raise TypeError(type(bank))
    return bank
