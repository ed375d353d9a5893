"""Packages a trained run's policy with its evaluation."""

from typing import Any

from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax import pretrained, randomization
from dactyl_jax.envs import make_environment
from dactyl_jax.errors import UserError
from dactyl_jax.learning import PolicyCheckpoint, restore_continuation, restore_policy
from experiments.base import files
from experiments.evaluation import agents, paper, scoring
from experiments.runs import policies
from experiments.runs.workdir import WorkDirectory, copy_inputs

_MOST_BYTES = 8_000_000  # limit on the package's download size


def publish(
    workdir: WorkDirectory, name: str, config: ConfigDict, *, trials: int, seed: int, command: str
) -> None:
    """Evaluates the policy and writes it to dactyl_jax/pretrained/NAME.

    Args:
        workdir: work directory of the run.
        name: name of the policy in the package.
        config: configuration of its trials.
        trials: number of trials per evaluation.
        seed: seed of the trials.
        command: the publishing command, stored in the metrics.

    Raises:
        UserError: the networks are too large for the package.
    """
    folder = pretrained.folder(name)
    last = files.check_output("name", str(folder / "metrics.json"))
    checkpoint = restore_policy(workdir.path)
    continuation = restore_continuation(workdir.path)
    if continuation is None:
        print(f"{workdir.path} has no value function: --init_from loads only the policy.")
    parameters, description = pretrained.pack(checkpoint, continuation)
    if len(parameters) > _MOST_BYTES:
        raise UserError(
            f"--workdir: policy and value function take {len(parameters) / 1e6:.1f} MB, the limit "
            f"is {_MOST_BYTES / 1e6:g} MB; publish a run with a smaller config.network"
        )
    lineage = policies.lineage(str(workdir.path))
    metrics = {
        **description,
        "years": policies.years(lineage),
        "origin": lineage,
        "published_by": command,
        "evaluation": _evaluate(config, checkpoint, trials, seed),
    }
    # A policy counts as present once its metrics exist, so nobody reads a half-written one.
    last.unlink(missing_ok=True)
    files.write_bytes(folder / "parameters.npz", parameters)
    trained = workdir.load_config()
    copy_inputs(trained, folder)
    files.write_json(folder / "config.json", trained.to_dict())
    files.write_json(last, metrics)
    print(f"{folder}: {len(parameters) / 1e6:.2f} MB of parameters")


def _evaluate(
    config: ConfigDict, checkpoint: PolicyCheckpoint, trials: int, seed: int
) -> dict[str, dict[str, Any]]:
    """Returns results of `scoring.evaluate` with intervals, by world, then by agent."""
    results: dict[str, dict[str, Any]] = {}
    for world, task in _worlds(config).items():
        env = make_environment(task)
        agents.check_policy(checkpoint, env)
        results[world] = {}
        for agent in ("policy", *paper.AGENTS) if world == "own" else ("policy",):
            result = scoring.evaluate(
                env,
                agents.make_agent(agent, checkpoint, env),
                trials=trials,
                seed=seed,
                distribution="uniform",
                final_distance=checkpoint.goal_distance,
                checkpoint_step=checkpoint.steps if agent == "policy" else None,
            )
            scoring.add_intervals(result)
            results[world][agent] = result
            print(f"{world} world, {agent}: {scoring.sentence(result)}", flush=True)
    return results


def _worlds(config: ConfigDict) -> dict[str, ConfigDict]:
    """Returns the training world, the same without its randomisation if any, and the surrogate."""
    worlds = {"own": config}
    randomised = any(term.enabled(config) for term in randomization.TERMS)
    for world in ("none", "surrogate") if randomised else ("surrogate",):
        worlds[world] = config.copy_and_resolve_references()
        plain = config_lib.default()
        worlds[world].terms, worlds[world].adr = plain.terms, plain.adr
        worlds[world].update_from_flattened_dict(paper.WORLDS[world])
    return worlds
