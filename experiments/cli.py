"""The one place where programs read their command lines and report their users' errors.

Flags are absl's; `--config=FILE` names a Python file with `get_config()`, and ml_collections sets
`--config.a.b=value` on it, or on the program's own base where no file is named. Whatever a user can
get wrong ends in one line on stderr that says what to change, and exit status 2. Errors of the
program itself keep their traceback.
"""

import importlib.util
import math
import os
import re
import select
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Protocol

from absl import flags, logging
from ml_collections import ConfigDict, config_flags
from ml_collections.config_flags import config_path

from dactyl_jax import config as config_lib
from dactyl_jax import devices
from dactyl_jax.errors import UserError

CONFIGS = Path(__file__).parent / "configs"
EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 128 + signal.SIGINT
EXIT_PIPE_CLOSED = 128 + signal.SIGPIPE

# Flags that are short for a field of the configuration; a flag that is given wins.
_FIELD_OF_FLAG = {
    "engine": "engine",
    "num_envs": "num_envs",
    "init_from": "init_from",
    "init_from_policy_only": "init_from_policy_only",
    "max_minutes": "run.max_minutes",
    "max_iterations": "run.max_iterations",
    "goal_timeout_s": "env.goal_timeout_s",
}
_HELP = ("-h", "-help", "--help", "-helpfull", "--helpfull", "-helpshort", "--helpshort")


class Schema(Protocol):
    """A module that knows all fields of a configuration."""

    def default(self) -> ConfigDict:
        """All fields with their defaults."""

    def validate(self, config: ConfigDict) -> None:
        """Raises ValueError where a field has a value that it may not have."""


def run(
    main: Callable[[flags.FlagValues, ConfigDict], None],
    *,
    summary: str,
    define_flags: Callable[[flags.FlagValues], None],
    base_config: Callable[[flags.FlagValues], ConfigDict],
    argv: Sequence[str] | None = None,
    schema: Schema = config_lib,
) -> int:
    """Parses a command line, runs a program and returns its exit status.

    Args:
        main: the program, given its flags and its validated configuration.
        summary: what the program does, for `--help`.
        define_flags: defines the program's own flags.
        base_config: the configuration to start from; reads `--config=FILE` where it is given.
        argv: the arguments without the program's name; those of this process by default.
        schema: the fields of the configuration.

    Returns:
        0; 2 after an error of the user's, 130 when interrupted, 141 when nobody reads the output.
    """
    arguments = [_at_home(text) for text in (sys.argv[1:] if argv is None else argv)]
    name = main.__module__.rpartition(".")[2]
    if name == "__main__":
        name = Path(sys.argv[0]).stem
    logging.set_verbosity(logging.ERROR)
    warnings.filterwarnings("ignore", message="os.fork", category=RuntimeWarning)
    devices.pin_defaults()
    try:
        if any(argument in _HELP for argument in arguments):
            print(_help(name, summary, define_flags, schema))
        else:
            values, config = parse(arguments, define_flags, base_config, schema)
            main(values, config)
        sys.stdout.flush()
        return 0
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads():
            return EXIT_PIPE_CLOSED
        message = _message_for_user(error)
        if message is None:
            raise
        print(f"{name}: {_one_line(message)}", file=sys.stderr)
        return EXIT_USER_ERROR


def program(
    main: Callable[[flags.FlagValues, ConfigDict], None],
    summary: str | None,
    define_flags: Callable[[flags.FlagValues], None],
    base_config: Callable[[flags.FlagValues], ConfigDict],
    schema: Schema = config_lib,
) -> Callable[..., int]:
    """A module's `main`: `run` with all but the arguments, which may be left out as there."""

    def run_program(argv: Sequence[str] | None = None) -> int:
        return run(
            main,
            summary=summary or "",
            define_flags=define_flags,
            base_config=base_config,
            argv=argv,
            schema=schema,
        )

    return run_program


def parse(
    arguments: Sequence[str],
    define_flags: Callable[[flags.FlagValues], None],
    base_config: Callable[[flags.FlagValues], ConfigDict],
    schema: Schema = config_lib,
) -> tuple[flags.FlagValues, ConfigDict]:
    """Reads flags and configuration.

    Raises:
        UserError, ValueError or absl's flags.Error: the command line is wrong.
    """
    own, overrides = _split(arguments)
    values = _flags(define_flags)
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


def _at_home(argument: str) -> str:
    """An argument with `~` expanded wherever a path may begin; a shell does so in words alone."""
    return re.sub(r"(?<=[=,])~(?=/)", str(Path.home()), argument)


def _nobody_reads() -> bool:
    """Whether what reads standard output has ended (`| head`); if so, the rest goes nowhere."""
    output = sys.__stdout__
    if output is None:
        return False
    poll = select.poll()
    poll.register(output.fileno(), 0)
    if not any(event & select.POLLERR for _, event in poll.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())
    return True


def _check_numbers(config: ConfigDict) -> None:
    for field, value in config_lib.leaves(config):
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"config.{field} is {value}; it must be a finite number")
    if not 0 <= config.seed < 2**31:
        raise UserError(f"config.seed is {config.seed}; it must be at least 0 and below 2**31")


def define_training_flags(values: flags.FlagValues) -> None:
    """Defines flags of where a run lives and when it ends."""
    flags.DEFINE_string(
        "workdir",
        None,
        "where the run lives; runs/NAME by default, NAME being the configuration file's",
        flag_values=values,
    )
    flags.DEFINE_float(
        "max_minutes",
        None,
        "stop after this many minutes of the whole run, resumptions included; 0: no limit",
        lower_bound=0.0,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "max_iterations",
        None,
        "stop after this many iterations of the whole run; 0: no limit",
        lower_bound=0,
        flag_values=values,
    )


def define_engine_flag(values: flags.FlagValues) -> None:
    """Defines `--engine`, short for `--config.engine`."""
    flags.DEFINE_enum(
        "engine",
        None,
        ["auto", "native", "mjx-jax", "mjx-warp"],
        "physics engine; auto: mjx-warp on CUDA, mjx-jax on a TPU, native on a CPU",
        flag_values=values,
    )


def define_run_flag(values: flags.FlagValues) -> None:
    """Defines `--workdir` or `--pretrained` of a policy that is there already, and `--seed`."""
    from dactyl_jax import pretrained

    flags.DEFINE_string(
        "workdir", None, "work directory of a trained run; or give --pretrained", flag_values=values
    )
    flags.DEFINE_boolean(
        "pretrained", False, "a policy of the package in place of a run's", flag_values=values
    )
    flags.DEFINE_enum(
        "pretrained_name",
        pretrained.NAMES[0],
        list(pretrained.NAMES),
        "with --pretrained: the one trained under all randomisations, or under none",
        flag_values=values,
    )
    define_trial_seed_flag(values)


def define_trial_seed_flag(values: flags.FlagValues) -> None:
    """Defines `--seed` of trials."""
    flags.DEFINE_integer(
        "seed",
        0,
        "of starts, goals and draws",
        lower_bound=0,
        upper_bound=2**31 - 1,
        flag_values=values,
    )


def define_port_flag(values: flags.FlagValues) -> None:
    """Defines `--port` of a page."""
    flags.DEFINE_integer(
        "port",
        8080,
        "of the page on this machine",
        lower_bound=1,
        upper_bound=65535,
        flag_values=values,
    )


def define_renderer_flag(values: flags.FlagValues) -> None:
    """Defines `--renderer`."""
    flags.DEFINE_enum(
        "renderer",
        "warp",
        ["warp", "gl"],
        "the ray tracer that training uses, or MuJoCo's OpenGL, which it never saw",
        flag_values=values,
    )


def define_dump_flag(values: flags.FlagValues) -> None:
    """Defines `--dump_nan`."""
    flags.DEFINE_string(
        "dump_nan",
        None,
        "a folder for the state and the parameters of environments whose physics diverges; "
        "experiments.replay_nan shows them",
        flag_values=values,
    )


def define_goals_flag(values: flags.FlagValues, default: str = "uniform") -> None:
    """Defines `--goals`, the distribution of goals."""
    flags.DEFINE_enum(
        "goals",
        default,
        ["uniform", "aligned", "final", "near"],
        "uniform over orientations, upright poses of a block at any angle about the palm's normal, "
        "the run's last curriculum stage, or 0.5 to 0.9 rad away",
        flag_values=values,
    )


def define_goal_timeout_flag(values: flags.FlagValues, default: str) -> None:
    """Defines `--goal_timeout_s`, short for `--config.env.goal_timeout_s`."""
    flags.DEFINE_float(
        "goal_timeout_s",
        None,
        f"simulated seconds that a goal may take; default: {default}",
        lower_bound=0.0,
        flag_values=values,
    )


def run_name(values: flags.FlagValues) -> str:
    """The policy that `--workdir` or `--pretrained` names, as `experiments.runs` takes it.

    Raises:
        UserError: neither of them, both, or `--pretrained_name` alone.
    """
    if values["pretrained_name"].present and not values.pretrained:
        raise UserError("--pretrained_name goes with --pretrained; add it")
    if values.pretrained and values.workdir is not None:
        raise UserError("--workdir and --pretrained each name a policy; leave one of them out")
    if values.pretrained:
        return f"pretrained:{values.pretrained_name}"
    if values.workdir is None:
        raise UserError(
            "--workdir is missing: name the work directory of a trained run, or give --pretrained"
        )
    return values.workdir


def saved_config(values: flags.FlagValues) -> ConfigDict:
    """That of `--config=FILE`, or the one that the policy was trained with, for trials here.

    Raises:
        ValueError: no policy is named, or there is none that has a configuration.
    """
    from experiments import runs

    config = runs.load_config(run_name(values))
    if values.config:
        config = load_config_file(values.config)
    return for_trials(config, values.seed)


def for_trials(config: ConfigDict, seed: int) -> ConfigDict:
    """A saved configuration, for trials of `seed` on the device at hand.

    Its seed is that of trials, so that their starts and hands are not those of the training.
    """
    config = config.copy_and_resolve_references()
    config.engine = "auto"
    config.seed = trial_seed(seed)
    return config


def refuse_overrides(
    values: flags.FlagValues, config: ConfigDict, base: ConfigDict, *, but: Collection[str] = ()
) -> None:
    """Refuses `--config=FILE` and `--config.field=value` where runs are taken as they were.

    Args:
        values: the flags.
        config: the configuration that came of them.
        base: what it is without them.
        but: the fields that may be set.

    Raises:
        UserError: names what was set.
    """
    saved = dict(config_lib.leaves(base))
    for field, value in config_lib.leaves(config):
        if field not in but and value != saved[field]:
            raise UserError(f"--config.{field}: runs are taken as they were trained; leave it out")
    if values.config:
        raise UserError("--config: runs are taken as they were trained; leave it out")


def device_overrides(config: ConfigDict) -> list[str]:
    """The arguments that make a configuration of the preset, for a process on the same device."""
    base = load_config_file(str(CONFIGS / f"{device_preset_name()}.py"))
    saved = dict(config_lib.leaves(base))
    return [
        f"--config.{field}={value}"
        for field, value in config_lib.leaves(config)
        if value != saved[field]
    ]


def named_runs(flag: str, text: str, *, name: str = r"[\w.-]+") -> dict[str, str]:
    """Reads `NAME=DIR,NAME=DIR,...`.

    Args:
        flag: that holds it, for messages.
        text: its value.
        name: a regular expression for the names.

    Raises:
        UserError: an item is of another form, or a name is given twice.
    """
    runs: dict[str, str] = {}
    for item in text.split(","):
        key, equals, run = item.partition("=")
        if not (equals and run and re.fullmatch(name, key)):
            raise UserError(f"--{flag}: {item!r} is not name=DIR; write --{flag}=a=DIR,b=DIR")
        if key in runs:
            raise UserError(f"--{flag}: {key!r} is named twice; give each its own name")
        runs[key] = run
    return runs


def trial_seed(seed: int) -> int:
    """The configuration's seed for trials of `seed`: not one that people train with."""
    return (seed + 1_000_003) % 2**31


def device_preset(values: flags.FlagValues) -> ConfigDict:
    """That of `--config=FILE`, or the device's preset: `quick` on a CPU, `dactyl` elsewhere."""
    return load_config_file(values.config or str(CONFIGS / f"{device_preset_name()}.py"))


def config_name(values: flags.FlagValues) -> str:
    """The name of the configuration file in use, without its ending."""
    return Path(values.config).stem if values.config else device_preset_name()


def device_preset_name() -> str:
    """`quick` where JAX finds only a CPU, else `dactyl`."""
    import jax

    return "quick" if jax.default_backend() == "cpu" else "dactyl"


def load_config_file(path: str, schema: Schema = config_lib) -> ConfigDict:
    """Runs `get_config()` of a Python file; the result must have the fields of `schema`.

    Raises:
        UserError: no such file, an error inside it, or a result that is not a whole configuration.
    """
    file = Path(path)
    if not file.is_file():
        raise UserError(
            f"--config: there is no file {path!r}; name a Python file with get_config()"
        )
    specification = importlib.util.spec_from_file_location(f"config_file_{file.stem}", file)
    if specification is None or specification.loader is None:
        raise UserError(f"--config: {path!r} is not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(specification)
    try:
        specification.loader.exec_module(module)
        get_config = getattr(module, "get_config", None)
        if get_config is None:
            raise UserError(f"--config: {path!r} does not define get_config()")
        config = get_config()
    except UserError:
        raise
    except Exception as error:
        line = _line_in(file, error)
        where = f"{path!r}, line {line}" if line else repr(path)
        kind = type(error).__name__
        raise UserError(f"--config: {where} fails: {kind}: {error}; correct the file") from error
    if not isinstance(config, ConfigDict):
        raise UserError(
            f"--config: get_config() of {path!r} returns {type(config).__name__}; "
            f"start from {getattr(schema, '__name__', 'the')}.default(), a ConfigDict"
        )
    return config_lib.complete(config, origin=repr(path), expected=schema.default())


def _flags(define_flags: Callable[[flags.FlagValues], None]) -> flags.FlagValues:
    values = flags.FlagValues()
    values.set_gnu_getopt(True)
    flags.DEFINE_string(
        "config",
        None,
        "a Python file with get_config(); --config.a.b=value sets one field, also without a file",
        flag_values=values,
    )
    define_flags(values)
    return values


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Separates `--config.a.b=value` from all other arguments and writes it in one word."""
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
    # Types are the schema's: a value that is unset has none of its own.
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


def _message_for_user(error: Exception) -> str | None:
    """What to tell the user, or None where the error is the program's own."""
    if isinstance(error, UserError | flags.Error):
        return str(error)
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror or error}{where}; check the path, its permissions and the disk"
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        return "not enough memory: lower --config.num_envs, --config.env.bank_size or the network"
    return None


def _line_in(file: Path, error: Exception) -> int | None:
    """The line of a config file that an error came from."""
    if isinstance(error, SyntaxError):
        return error.lineno
    lines = [
        entry.lineno
        for entry in traceback.extract_tb(error.__traceback__)
        if entry.filename == str(file)
    ]
    return lines[-1] if lines else None


def _help(
    name: str,
    summary: str,
    define_flags: Callable[[flags.FlagValues], None],
    schema: Schema,
) -> str:
    values = _flags(define_flags)
    lines = [f"python -m experiments.{name}: {summary.strip()}", "", "flags:"]
    for flag in sorted(values):
        entry = values[flag]
        shown = f"--{flag}" if entry.default is None else f"--{flag}={entry.default}"
        lines.append(f"  {shown:<28} {' '.join((entry.help or '').split())}")
    lines += ["", "fields of the configuration, with their defaults (a preset may differ):"]
    lines += [f"  --config.{field}={value}" for field, value in config_lib.leaves(schema.default())]
    return "\n".join(lines)


def _one_line(message: str) -> str:
    return " ".join(message.split())
