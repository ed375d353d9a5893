"""Parsing of command lines into flags and a configuration.

Flags are absl's. `--config=FILE` names a Python file with `get_config()`; without it, the program's
base configuration is used. `--config.a.b=value` sets one field, through ml_collections.
"""

import math
import re
from collections.abc import Callable, Collection, Sequence

from absl import flags
from ml_collections import ConfigDict, config_flags
from ml_collections.config_flags import config_path

from dactyl_jax import config as config_lib
from dactyl_jax.errors import UserError
from experiments.command_line.config_files import Schema

# Flags that are short for a configuration field; the flag overrides the field.
_FIELD_OF_FLAG = {
    "engine": "engine",
    "num_envs": "num_envs",
    "init_from": "init_from",
    "init_from_policy_only": "init_from_policy_only",
    "max_minutes": "run.max_minutes",
    "max_iterations": "run.max_iterations",
    "goal_timeout_s": "env.goal_timeout_s",
}


def parse(
    arguments: Sequence[str],
    define_flags: Callable[[flags.FlagValues], None],
    base_config: Callable[[flags.FlagValues], ConfigDict],
    schema: Schema = config_lib,
) -> tuple[flags.FlagValues, ConfigDict]:
    """Parses flags and configuration.

    Raises:
        UserError, ValueError or absl's flags.Error: the command line is invalid.
    """
    own, overrides = _split(arguments)
    values = own_flags(define_flags)
    unexpected = values(["program", *own])[1:]
    if unexpected:
        raise UserError(f"unexpected argument {unexpected[0]!r}: flags are written --name=value")
    for name in values:
        if values[name].present and values[name].value == "":
            raise UserError(f"--{name} is empty; give it a value, or leave it out")
    config = _override(base_config(values), overrides, schema)
    for flag, field in _FIELD_OF_FLAG.items():
        if flag in values and values[flag].value is not None:
            config.update_from_flattened_dict({field: values[flag].value})
    _check_numbers(config)
    schema.validate(config)
    return values, config


def refuse_overrides(
    values: flags.FlagValues, config: ConfigDict, base: ConfigDict, *, but: Collection[str] = ()
) -> None:
    """Refuses `--config=FILE` and `--config.field=value` for runs with a fixed configuration.

    Args:
        values: the flags.
        config: the parsed configuration.
        base: the configuration without overrides.
        but: fields that may be set.

    Raises:
        UserError: a field or file was set; the message names it.
    """
    saved = dict(config_lib.leaves(base))
    for field, value in config_lib.leaves(config):
        if field not in but and value != saved[field]:
            raise UserError(
                f"--config.{field}: the run's training configuration is used; leave it out"
            )
    if values.config:
        raise UserError("--config: the run's training configuration is used; leave it out")


def own_flags(define_flags: Callable[[flags.FlagValues], None]) -> flags.FlagValues:
    """Returns a program's flags, including `--config`, before parsing."""
    values = flags.FlagValues()
    values.set_gnu_getopt(True)
    flags.DEFINE_string(
        "config",
        None,
        "Python file with get_config(); --config.a.b=value sets one field, with or without a file",
        flag_values=values,
    )
    define_flags(values)
    return values


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Separates `--config.a.b=value` from the other arguments, and joins each into one word."""
    own: list[str] = []
    overrides: list[str] = []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            return own + rest, overrides
        if not re.match(r"--?(no)?config\.", argument):
            own.append(argument)
            continue
        argument = "--" + argument.lstrip("-")
        takes_value = "=" not in argument and not argument.startswith("--no")
        if takes_value and rest and not rest[0].startswith("--"):
            argument += "=" + rest.pop(0)
        overrides.append(argument)
    return own, overrides


def _override(config: ConfigDict, overrides: Sequence[str], schema: Schema) -> ConfigDict:
    # The schema gives the types, because an unset value (None) has none.
    config = config_lib.complete(config, origin="--config", expected=schema.default())
    known = dict(config_lib.leaves(config))
    for argument in overrides:
        field = argument.partition("=")[0].partition(".")[2]
        if field not in known:
            raise UserError(f"--config.{field}: {config_lib.unknown_field(field, known)}")
        if "=" not in argument and config_path.get_type(field, config) is not bool:
            raise UserError(f"--config.{field} has no value: write --config.{field}=VALUE")
        if "=" in argument and argument.startswith("--no"):
            raise UserError(f"--noconfig.{field} takes no value: write --config.{field}=VALUE")
    values = flags.FlagValues()
    config_flags.DEFINE_config_dict(
        "config", config, flag_values=values, sys_argv=["program", *overrides]
    )
    try:
        values(["program", *overrides])
    except flags.IllegalFlagValueError as error:
        raise UserError(f"{error}; {_type_hint(str(error), config)}") from error
    result = values.config.unlock() or values.config
    return config_lib.complete(result, origin="--config", expected=schema.default())


def _type_hint(message: str, config: ConfigDict) -> str:
    match = re.match(r"flag --config\.([\w.]+)", message)
    kind = config_path.get_type(match[1], config) if match else object
    kinds = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        tuple: "a tuple such as (256,)",
    }
    return f"it must be {kinds.get(kind, 'of the type of the default')}"


def _check_numbers(config: ConfigDict) -> None:
    for field, value in config_lib.leaves(config):
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"config.{field} is {value}; it must be a finite number")
    if not 0 <= config.seed < 2**31:
        raise UserError(f"config.seed is {config.seed}; it must be at least 0 and below 2**31")
