"""The bank of starts: pairs of a drawn model and a state that settled under it.

A reset picks a pair. It therefore costs one look-up, and no object starts inside a finger. The
native engine builds the bank on the host, whichever engine trains. Banks are cached on disk and
reused by later programs with the same settings.
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

_SETTLING_STEPS = 25  # control steps after the object's release: 2 s
_HEIGHT = 0.06  # m above the object's resting place on the palm, at release
_POSTURE_SPREAD = 0.15  # spread of starting postures as a fraction of half an actuator's range
_KEPT = 40  # banks kept on disk, a few megabytes each


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Draw:
    """Everything drawn for an episode, `[N, ...]`.

    Attributes:
        parameters: `{field: [N, ...]}`, the drawn model fields and the constants derived from them.
        numbers: values drawn by the physics terms, concatenated, `[N, D]`.
        strengths: strength of each of `randomization.TERMS`, `[N, T]`; 1 is the configured law.
        role: purpose of the episode, `[N]` int32: index of the term whose limit it tests, or one of
            `adr.FREE`, `adr.REFERENCE` (all strengths 0) and `adr.FULL` (all 1).
    """

    parameters: physics.Parameters
    numbers: jax.Array
    strengths: jax.Array
    role: jax.Array

    def by_term(self) -> dict[str, jax.Array]:
        """Strength of each term, `[N]` by its name."""
        return {term.name: self.strengths[:, i] for i, term in enumerate(randomization.TERMS)}


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Bank:
    """`size` pairs of a draw and a state that settled under it.

    Attributes:
        draws, states: `[N, ...]`.
        limits: largest strength of each of `randomization.TERMS` when it was drawn, `[T]`.
    """

    draws: Draw
    states: physics.State
    limits: jax.Array

    @property
    def size(self) -> int:
        return self.states.qpos.shape[0]

    def take(self, pair: jax.Array) -> tuple[Draw, physics.State]:
        """Draws and states of the pairs with indices `pair` `[E]`."""
        return jax.tree.map(lambda table: table[pair], (self.draws, self.states))


def build(
    config: ConfigDict,
    model: mujoco.MjModel,
    generation: int = 0,
    limits: np.ndarray | None = None,
    strengths: np.ndarray | None = None,
) -> Bank:
    """Draws models and drops the object into the palm until `config.env.bank_size` pairs settle.

    Candidate n depends only on `config.seed`, the generation, the limits or strengths, and n.
    Candidates whose object left the palm or still moves are discarded. Banks are cached in
    `$XDG_CACHE_HOME/dactyl_jax` or `~/.cache/dactyl_jax`.

    Args:
        config: a complete configuration.
        model: the nominal model.
        generation: index of the bank in a run that redraws it.
        limits: limits of automatic domain randomisation: the largest strength of each of
            `randomization.TERMS`, `[T]`. Fractions of the pairs, set in `config.adr`, run at the
            limit of one term, without randomisation, and at full strength. Without limits all
            strengths are 1.
        strengths: fixed strength of each of `randomization.TERMS`, `[T]`; only without limits.
            Pair n is then the first of the candidates n, n + size, n + 2 size, ... that settles.
            Banks at different strengths thus hold the same hands and starting places, except
            where a candidate settles at one strength only.

    Raises:
        ValueError: hardly any candidate settles, because of the terms or the tilt.
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
        # Only physics terms affect settling. Banks that differ in other terms share a file.
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
    """Hash of a model and of all code that determines its banks and trials."""
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
    """Builds a bank of numpy arrays."""
    size = config.env.bank_size
    layout = hand.layout(model)
    engine = physics.make_engine("native", model)
    substeps = round(config.env.control_dt / model.opt.timestep)
    kept: list[tuple[Draw, physics.State]] = []
    settled = chosen = np.zeros(0, int)  # candidate indices; positions of those in the bank
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
    # Offset the indices so that no two generations share draws.
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
    """Fractions of episodes at one term's limit, without randomisation, and at full strength."""
    return [config.adr[f"{name}_share"] for name in ("boundary", "reference", "full")]


def _let_go(
    config: ConfigDict,
    model: mujoco.MjModel,
    layout: hand.Layout,
    generation: int,
    indices: np.ndarray,
    parameters: physics.Parameters,
) -> physics.State:
    """Places the object above the palm in a random orientation, the hand near its start posture."""
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
    # A coupled pair shares its angle equally; drawn joint limits hold from the start.
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
