"""Makes a policy of the package from a trained run, with an evaluation of it.

The files go to dactyl_jax/pretrained/NAME, in place of those that are there.
"""

import shlex
import sys
from typing import TYPE_CHECKING, Any

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax.errors import UserError
from experiments import cli, files
from experiments.workdir import WorkDirectory

if TYPE_CHECKING:
    from dactyl_jax.learning import PolicyCheckpoint

GOAL_TIMEOUT_S = 80.0  # s, as in the paper
_MOST_BYTES = 8_000_000  # a package is downloaded by everybody


def define_flags(values: flags.FlagValues) -> None:
    """This program's own flags."""
    from dactyl_jax import pretrained

    flags.DEFINE_string(
        "workdir", None, "work directory of a trained run (required)", flag_values=values
    )
    flags.DEFINE_enum(
        "name",
        None,
        list(pretrained.NAMES),
        "which policy it becomes (required)",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "trials", 100, "how many in each evaluation", lower_bound=2, flag_values=values
    )
    cli.define_trial_seed_flag(values)
    cli.define_engine_flag(values)


def base_config(values: flags.FlagValues) -> ConfigDict:
    """That of the run, for trials with long goals on the device at hand."""
    if values.workdir is None:
        raise UserError("--workdir is missing: name the work directory of a trained run")
    if values.name is None:
        raise UserError("--name is missing: say which policy it becomes, --name=policy")
    config = cli.for_trials(WorkDirectory(values.workdir).load_config(), values.seed)
    config.env.goal_timeout_s = GOAL_TIMEOUT_S
    return config


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Evaluates and writes."""
    cli.refuse_overrides(values, config, base_config(values), but=("engine",))
    from dactyl_jax import pretrained
    from dactyl_jax.learning import restore_continuation, restore_policy
    from experiments import runs

    workdir = WorkDirectory(values.workdir)
    folder = pretrained.folder(values.name)
    last = files.check_output("name", str(folder / "metrics.json"))
    checkpoint = restore_policy(workdir.path)
    continuation = restore_continuation(workdir.path)
    if continuation is None:
        print(f"{workdir.path} kept no value function: others can go on with the policy alone.")
    parameters, description = pretrained.pack(checkpoint, continuation)
    if len(parameters) > _MOST_BYTES:
        raise UserError(
            f"--workdir: policy and value function take {len(parameters) / 1e6:.1f} MB, and the "
            f"package has room for {_MOST_BYTES / 1e6:g}; publish one with a smaller config.network"
        )
    command = ["python", "-m", "experiments.publish"]
    command += [f"--{flag}={values[flag].value}" for flag in ("workdir", "name", "trials", "seed")]
    lineage = runs.lineage(values.workdir)
    metrics = {
        **description,
        "years": runs.years(lineage),
        "origin": lineage,
        "published_by": shlex.join(command),
        "evaluation": _evaluate(config, checkpoint, values.trials, values.seed),
    }
    # A policy is there once its metrics are: nobody reads it half replaced.
    last.unlink(missing_ok=True)
    files.write_bytes(folder / "parameters.npz", parameters)
    files.write_json(folder / "config.json", workdir.load_config().to_dict())
    files.write_json(last, metrics)
    print(f"{folder}: {len(parameters) / 1e6:.2f} MB of parameters")


def _evaluate(
    config: ConfigDict, checkpoint: "PolicyCheckpoint", trials: int, seed: int
) -> dict[str, dict[str, Any]]:
    """Results of `scoring.evaluate` with intervals, by world, then by agent."""
    from dactyl_jax.envs import make_environment
    from experiments import preparation, scoring

    results: dict[str, dict[str, Any]] = {}
    for world, task in _worlds(config).items():
        env = make_environment(task)
        preparation.check_policy(checkpoint, env)
        results[world] = {}
        for agent in ("policy", "zero", "random") if world == "own" else ("policy",):
            result = scoring.evaluate(
                env,
                preparation.make_agent(agent, checkpoint, env),
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
    """The world of the training, that without its randomisation, if it has any, and a stand-in."""
    from dactyl_jax import randomization
    from experiments import suite

    worlds = {"own": config}
    randomised = any(term.enabled(config) for term in randomization.TERMS)
    for world in ("none", "surrogate") if randomised else ("surrogate",):
        worlds[world] = config.copy_and_resolve_references()
        worlds[world].terms, worlds[world].adr = (
            config_lib.default().terms,
            config_lib.default().adr,
        )
        worlds[world].update_from_flattened_dict(suite.WORLDS[world])
    return worlds


main = cli.program(run, __doc__, define_flags, base_config)


if __name__ == "__main__":
    sys.exit(main())
