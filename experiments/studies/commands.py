"""The command line shared by all studies."""

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

# The smallest size at which everything runs. Terms that act in every step are disabled because they
# take longest to compile.
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
    """Returns the `main` of a study's program; see `command_line.recorded_program`.

    Args:
        study: the study.
        run: trains and evaluates it; called with the flags, the configuration and the command.
        summary: text for `--help`.
    """
    return command_line.recorded_program(
        run, summary, functools.partial(define_flags, study), base_config
    )


def backend() -> str:
    """Returns JAX's backend, without preallocating accelerator memory.

    The training processes share the accelerator with this one.
    """
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    return jax.default_backend()


def define_flags(study: Study, values: flags.FlagValues) -> None:
    """Defines the flags of every study."""
    flags.DEFINE_string(
        "workdir", f"runs/{study.name}", "work directory of the study", flag_values=values
    )
    flags.DEFINE_integer(
        "steps",
        study.steps,
        "control steps per run, summed over its hands",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "seeds", study.seeds, "number of runs per variant", lower_bound=1, flag_values=values
    )
    flags.DEFINE_integer(
        "trials", 100, "number of trials per evaluation", lower_bound=2, flag_values=values
    )
    flags.DEFINE_integer(
        "parallel",
        1,
        "number of runs to train in parallel; each gets a share of the CPUs, or one accelerator",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "smoke", False, "smoke test: the smallest size at which everything runs", flag_values=values
    )
    command_line.define_engine_flag(values)


def base_config(values: flags.FlagValues) -> ConfigDict:
    """Loads `--config=FILE` or the device's preset, reduced in size with `--smoke`."""
    backend()
    config = command_line.device_preset(values)
    if values.smoke:
        config.update_from_flattened_dict(_SMOKE)
    return config


def smoke(study: Study, values: flags.FlagValues) -> Study:
    """Reduces a study to two variants, one test with short goals, one seed and one iteration."""
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
