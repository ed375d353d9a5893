"""Trained policies by name: a run's work directory, or `pretrained[:NAME]` for the package's."""

from typing import Any

from ml_collections import ConfigDict

from dactyl_jax import evaluation, pretrained
from dactyl_jax.learning import (
    Continuation,
    PolicyCheckpoint,
    restore_continuation,
    restore_policy,
)
from experiments.runs.workdir import WorkDirectory


def load_config(run: str) -> ConfigDict:
    """Loads the configuration that a policy was trained with.

    Args:
        run: a work directory, `pretrained`, or `pretrained:NAME`.

    Raises:
        ValueError: the configuration is missing or cannot be read.
    """
    name = _pretrained(run)
    return pretrained.load(name)[0] if name else WorkDirectory(run).load_config()


def load_policy(run: str) -> PolicyCheckpoint:
    """Loads a policy from a run's newest checkpoint; `run` and errors as in `load_config`."""
    name = _pretrained(run)
    if name:
        return pretrained.policy(name)
    WorkDirectory(run).load_config()
    return restore_policy(run)


def load_continuation(run: str) -> Continuation | None:
    """Loads the training state needed to continue from a policy, or None if it was not saved.

    `run` and errors as in `load_config`.
    """
    name = _pretrained(run)
    if name:
        return pretrained.continuation(name)
    WorkDirectory(run).load_config()
    return restore_continuation(run)


def lineage(run: str) -> dict[str, Any]:
    """Returns the origin of a policy, including the origins of the policies it learned from.

    Returns:
        The fields of `WorkDirectory.read_origin`, and `workdir`, `seed`, `steps` (including those
        of the run it continued), `years` (simulated years of this run alone), `wall_minutes`, and
        `init_from` and `teacher`: lineages, or None. An ancestor that is not on this machine has
        only `workdir`.

    Raises:
        ValueError: as `load_config`.
    """
    name = _pretrained(run)
    if name:
        return pretrained.load(name)[2]["origin"]
    config, workdir, checkpoint = load_config(run), WorkDirectory(run), load_policy(run)
    recorded = workdir.read_origin()
    rows = [row for row in workdir.read_metrics() if row["iteration"] <= checkpoint.iteration]
    own_steps = checkpoint.steps - checkpoint.steps_before
    return {
        **recorded,
        "workdir": run,
        "seed": config.seed,
        "steps": checkpoint.steps,
        "years": own_steps * config.env.control_dt / evaluation.YEAR,
        "wall_minutes": rows[-1]["wall_minutes"] if rows else None,
        **{way: recorded.get(way) or now for way, now in ancestors(config).items()},
    }


def ancestors(config: ConfigDict) -> dict[str, dict[str, Any] | None]:
    """Returns the lineages of the runs that a configuration starts from and imitates, as of now."""
    return {
        "init_from": _ancestor(config.init_from),
        "teacher": _ancestor(config.imitation.teacher),
    }


def years(policy: dict[str, Any]) -> float:
    """Sums the simulated years over a policy's lineage, as far as it is known."""
    ancestors = [policy.get(way) for way in ("init_from", "teacher")]
    return policy.get("years", 0.0) + sum(years(each) for each in ancestors if each)


def _ancestor(run: str) -> dict[str, Any] | None:
    if not run:
        return None
    here = _pretrained(run) or WorkDirectory(run).config_file.is_file()
    return lineage(run) if here else {"workdir": run}


def _pretrained(run: str) -> str | None:
    """Returns the package's name of a policy; None for a work directory."""
    word, _, name = run.partition(":")
    return (name or pretrained.NAMES[0]) if word == "pretrained" else None
