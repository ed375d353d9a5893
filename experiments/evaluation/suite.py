"""The paper's evaluation: every policy in every world, in one table.

Each policy keeps the object, hand, actions and observations that it was trained with; everything
else is the same for all policies. Policies with the same hand and object play the same trials: the
same initial states, hands and goal sequences.
"""

import dataclasses
import hashlib
import itertools
import json
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax
import numpy as np
from absl import flags
from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax import evaluation, physics
from dactyl_jax.envs import Reorientation, bank, make_environment, worlds
from dactyl_jax.errors import UserError
from dactyl_jax.learning import PolicyCheckpoint
from experiments.base import files
from experiments.evaluation import agents, paper, scoring
from experiments.runs import policies
from experiments.runs.trials import trial_seed

_OWN = (
    *("env.object", "env.locked_wrist", "env.action", "env.policy_observation"),
    *("env.tilt", "env.motors", "env.finger_collisions", "env.control_dt", "env.sim_dt"),
    *("env.smoothed", "env.smoothing_kept"),
)
_SET = (*_OWN, "seed", "randomization", "env.world", "env.goal_timeout_s")
_TASK = ("seed", "engine", "randomization", "terms", "env")  # fields that determine the trials


def base_config(seed: int) -> ConfigDict:
    """Returns the configuration shared by all trials of a suite: the defaults with a trial seed."""
    config = config_lib.default()
    config.seed = trial_seed(seed)
    config.env.goal_timeout_s = max(paper.GOAL_TIMEOUTS_S)
    return config


@dataclasses.dataclass(frozen=True)
class _Row:
    """One row of the table: a trained policy, or the baseline agent of the row's name."""

    name: str
    label: str
    config: ConfigDict | None = None  # training configuration; None if the row has no policy
    workdir: str | None = None
    checkpoint: PolicyCheckpoint | None = None

    @property
    def identity(self) -> str:
        """A digest that changes with the policy's parameters."""
        if self.checkpoint is None:
            return self.name
        leaves, structure = jax.tree.flatten(self.checkpoint.agent)
        digest = hashlib.sha256(str(structure).encode())
        for leaf in leaves:
            digest.update(np.asarray(leaf).tobytes())
        return digest.hexdigest()

    def describe(self) -> dict[str, Any]:
        """Returns the row's entry in table.json, without its cells."""
        policy = self.checkpoint
        return {
            "name": self.name,
            "label": self.label,
            "task": {f: dict(config_lib.leaves(self.config))[f] for f in _OWN}
            if self.config
            else None,
            "workdir": self.workdir,
            "checkpoint_step": policy.steps if policy else None,
            "years": policies.years(policies.lineage(self.workdir)) if self.workdir else None,
        }


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Measures the cells that are missing in `--out` and writes the table.

    Raises:
        UserError: the command is invalid; raised before the first trial.
    """
    out = files.check_output("out", str(Path(values.out) / "table.md")).parent
    base = dict(config_lib.leaves(base_config(values.seed)))
    changed = {field: x for field, x in config_lib.leaves(config) if x != base[field]}
    for field in _SET:
        if field in changed:
            raise UserError(f"--config.{field}: the suite sets this field; leave it out")
    rows = _rows(values.policies, config)
    config.engine = physics.resolve_engine(config.engine)
    for row in rows:
        for world in paper.WORLDS if row.config else ():
            try:
                config_lib.validate(_task(config, row, world))
            except ValueError as error:
                raise UserError(f"--policies: {row.name}: {error}") from None

    cells: dict[str, list[dict[str, Any]]] = {row.name: [] for row in rows}
    for name, cell in _measure(rows, config, values.trials, values.seed, out / "cells"):
        cells[name].append(cell)
    entries = [row.describe() | {"cells": cells[row.name]} for row in rows]
    command = ["python", "-m", "experiments.evaluate", f"--suite={values.suite}"]
    command += [f"--{name}={values[name].value}" for name in ("policies", "out", "trials", "seed")]
    command += [f"--config.{field}={x}" for field, x in changed.items()]
    table = {
        "suite": values.suite,
        "command": shlex.join(command),
        "date": datetime.now(UTC).date().isoformat(),
        "engine": config.engine,
        "seed": values.seed,
        "trials": values.trials,
        "max_goals": config.env.max_goals,
        "worlds": list(paper.WORLDS),
        "goal_timeouts_s": list(paper.GOAL_TIMEOUTS_S),
        "rows": entries,
        "differences": evaluation.differences(entries, reference="block", transfer=paper.TRANSFER),
    }
    files.write_json(out / "table.json", table)
    files.write_text(out / "table.md", evaluation.markdown(table))
    evaluation.draw_comparison(table, out / "table.png")
    print(f"Table: {out / 'table.md'}, figure: {out / 'table.png'}", flush=True)


def _rows(named: str, config: ConfigDict) -> list[_Row]:
    """Returns the paper's rows, additional rows and the baseline agents, loaded for trials."""
    folders = _folders(named)
    for name in paper.AGENTS:
        if name in folders:
            raise UserError(
                f"--policies: the row {name!r} is reserved for the agent; choose another name"
            )
    rows = []
    for name in [*paper.ROWS, *(name for name in folders if name not in paper.ROWS)]:
        row = _Row(name, paper.ROWS.get(name, name))
        rows.append(_load(row, folders[name]) if name in folders else row)
    block = rows[0].config or config
    return rows + [_Row(name, label, block) for name, label in paper.AGENTS.items()]


def _folders(named: str) -> dict[str, str]:
    """Parses `NAME=DIR,NAME=DIR,...`.

    Raises:
        UserError: an item has another form, or a name is repeated.
    """
    folders: dict[str, str] = {}
    for item in named.split(","):
        name, equals, folder = item.partition("=")
        if not (equals and folder and re.fullmatch(r"[\w.-]+", name)):
            raise UserError(f"--policies: {item!r} is not name=DIR; write --policies=a=DIR,b=DIR")
        if name in folders:
            raise UserError(f"--policies: {name!r} is named twice; use different names")
        folders[name] = folder
    return folders


def _load(row: _Row, folder: str) -> _Row:
    try:
        config = policies.load_config(folder)
        checkpoint = policies.load_policy(folder)
    except ValueError as error:
        message = str(error).removeprefix("--workdir: ")
        raise UserError(f"--policies: {row.name}: {message}") from None
    return dataclasses.replace(row, config=config, workdir=folder, checkpoint=checkpoint)


def _task(config: ConfigDict, row: _Row, world: str) -> ConfigDict:
    """Returns the configuration of a row's trials in one world."""
    own = dict(config_lib.leaves(row.config))
    config = config.copy_and_resolve_references()
    config.update_from_flattened_dict({field: own[field] for field in _OWN} | paper.WORLDS[world])
    return config


def _measure(
    rows: list[_Row], config: ConfigDict, trials: int, seed: int, folder: Path
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields each row's name and cell; rows with the same task share one environment."""
    tasks: dict[str, tuple[str, ConfigDict, list[_Row]]] = {}
    for world in paper.WORLDS:
        for row in rows:
            if row.config:
                task = _task(config, row, world)
                key = json.dumps(
                    {k: v for k, v in config_lib.leaves(task) if k.split(".")[0] in _TASK}
                )
                tasks.setdefault(key, (world, task, []))[2].append(row)
    total = sum(len(sharing) for _, _, sharing in tasks.values()) * len(paper.GOAL_TIMEOUTS_S)
    done = 0
    for key, (world, task, sharing) in tasks.items():
        envs: dict[float, evaluation.SoonerTimeout] = {}
        world_digest = bank.digest(worlds.build(task)[1])
        for row, timeout in itertools.product(sharing, paper.GOAL_TIMEOUTS_S):
            measured_on = {
                "agent": row.identity,
                "task": json.loads(key) | {"env.goal_timeout_s": timeout},
                "model_and_code": world_digest,
                "trials": trials,
                "seed": seed,
            }
            digest = hashlib.sha256(json.dumps(measured_on).encode()).hexdigest()[:16]
            file = folder / f"{row.name}-{world}-{timeout:g}s-{digest}.json"
            result = _kept(file)
            kept = result is not None
            if result is None:
                if not envs:
                    env = make_environment(task)
                    envs = {t: evaluation.SoonerTimeout(env, t) for t in paper.GOAL_TIMEOUTS_S}
                result = _evaluate(row, envs[timeout], trials, seed)
                files.write_json(file, {"measured_on": measured_on, "result": result})
            done += 1
            took = "kept" if kept else f"{result['wall_s']:.0f} s"
            cell = f"{row.name}, world {world}, {timeout:g} s a goal"
            print(f"[{done}/{total}] {cell} ({took}): {scoring.sentence(result)}", flush=True)
            yield row.name, result | {"world": world}
        # The next task cannot reuse these compiled programs, and JAX would keep them until the
        # process runs out of memory maps.
        jax.clear_caches()


def _kept(file: Path) -> dict[str, Any] | None:
    """Returns the result in a cell's file; None if the file is missing or damaged."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))["result"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _evaluate(row: _Row, env: Reorientation, trials: int, seed: int) -> dict[str, Any]:
    """Runs `scoring.evaluate` and adds intervals of the mean and median number of goals."""
    if row.checkpoint:
        agents.check_policy(row.checkpoint, env)
    result = scoring.evaluate(
        env,
        agents.make_agent("policy" if row.checkpoint else row.name, row.checkpoint, env),
        trials=trials,
        seed=seed,
        distribution="uniform",
        final_distance=0.0,
        checkpoint_step=row.checkpoint.steps if row.checkpoint else None,
    )
    scoring.add_intervals(result)
    return result
