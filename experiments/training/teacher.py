"""The teacher policy that a run imitates.

The run keeps a copy in its work directory: a teacher may train on, or move.
"""

import shutil
from pathlib import Path

from ml_collections import ConfigDict

from dactyl_jax.errors import UserError
from dactyl_jax.learning import PolicyCheckpoint, copy_policy
from experiments.runs import policies
from experiments.runs.workdir import WorkDirectory


def load(config: ConfigDict, workdir: WorkDirectory) -> PolicyCheckpoint:
    """Loads the run's copy of its teacher or, before it has one, `config.imitation.teacher`.

    It must have this run's action space, and observe what this run's value function observes.

    Raises:
        UserError: the policy is missing or incompatible.
    """
    kept = _copy(workdir)
    folder = str(kept) if kept.is_dir() else config.imitation.teacher
    theirs = policies.load_config(folder)
    if theirs.env.policy_observation != "state":
        raise UserError(
            f"config.imitation.teacher: the policy in {folder!r} was trained with "
            f"env.policy_observation={theirs.env.policy_observation!r}; train a teacher with "
            "--config.env.policy_observation=state"
        )
    for field in ("action", "smoothed", "value_observation"):
        if theirs.env[field] != config.env[field]:
            raise UserError(
                f"config.imitation.teacher: the policy in {folder!r} was trained with "
                f"env.{field}={theirs.env[field]!r}; set "
                f"--config.env.{field}={theirs.env[field]} for this run"
            )
    return policies.load_policy(folder)


def keep(config: ConfigDict, workdir: WorkDirectory) -> None:
    """Copies the teacher into the work directory, once; one of the package stays there."""
    kept, source = _copy(workdir), Path(config.imitation.teacher)
    if kept.is_dir() or not source.is_dir():
        return
    beside = kept.with_name(f".{kept.name}.tmp")
    shutil.rmtree(beside, ignore_errors=True)
    copy_policy(source, beside)
    WorkDirectory(beside).claim(
        policies.load_config(str(source)), WorkDirectory(source).read_origin()
    )
    beside.replace(kept)


def _copy(workdir: WorkDirectory) -> Path:
    return workdir.path / "teacher"
