"""The command line that all studies have in common."""

import dataclasses
import functools
import itertools
import os
from collections.abc import Callable

import jax
from absl import flags
from ml_collections import ConfigDict

from dactyl_jax import randomization
from experiments import command_line
from experiments.studies.design import Study

# A size that shows that everything runs, and nothing else. Terms that act in every step are left
# out: they take longest to compile.
_SMOKE = {
    "num_envs": 4,
    "env.bank_size": 4,
    "env.max_goals": 2,
    "ppo.horizon": 4,
    "ppo.chunk": 2,
    "ppo.minibatches": 2,
    "ppo.passes": 1,
} | {
    f"terms.{term.name}.enabled": False
    for term in randomization.TERMS
    if isinstance(term, randomization.terms.StepTerm)
}


def program(
    study: Study,
    run: Callable[[flags.FlagValues, ConfigDict, str], None],
    summary: str | None,
) -> Callable[..., int]:
    """The `main` of a study's program; see `command_line.recorded_program`.

    Args:
        study: what is compared.
        run: trains and measures it, given the flags, the configuration and the command.
        summary: for `--help`.
    """
    return command_line.recorded_program(
        run, summary, functools.partial(define_flags, study), base_config
    )


def backend() -> str:
    """JAX's, `cpu` or an accelerator; the training processes use the one that this one measures on,
    so it takes memory as it needs it."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    return jax.default_backend()


def define_flags(study: Study, values: flags.FlagValues) -> None:
    """The flags of every study."""
    flags.DEFINE_string(
        "workdir", f"runs/{study.name}", "where the study lives", flag_values=values
    )
    flags.DEFINE_integer(
        "steps",
        study.steps,
        "control steps of each run, summed over its hands",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "seeds", study.seeds, "runs of each variant", lower_bound=1, flag_values=values
    )
    flags.DEFINE_integer(
        "trials", 100, "how many in each evaluation", lower_bound=2, flag_values=values
    )
    flags.DEFINE_integer(
        "parallel",
        1,
        "runs that train at a time, each on its share of the CPUs or on an accelerator of its own",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "smoke", False, "the smallest size at which everything runs", flag_values=values
    )
    command_line.define_engine_flag(values)


def base_config(values: flags.FlagValues) -> ConfigDict:
    """The device's preset or that of `--config=FILE`; small where it is to smoke."""
    backend()
    config = command_line.device_preset(values)
    if values.smoke:
        config.update_from_flattened_dict(_SMOKE)
    return config


def smoke(study: Study, values: flags.FlagValues) -> Study:
    """Two variants of a study, and one test with short goals; one iteration of one seed each."""
    for flag, value in (("steps", 1), ("seeds", 1), ("trials", 2)):
        values[flag].value = value
    variants = dict(itertools.islice(study.variants.items(), 2))
    return dataclasses.replace(
        study,
        variants=variants,
        tests={
            name: dataclasses.replace(test, goal_timeout_s=0.8)
            for name, test in itertools.islice(study.tests.items(), 1)
        },
        pairs=[pair for pair in study.pairs if set(pair) <= set(variants)],
    )
