"""Runs programs: parses their command lines and reports user errors.

A user error prints one line on stderr that says what to change, and exits with status 2. A bug in
the program keeps its traceback.
"""

import re
import shlex
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from absl import flags, logging
from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax import devices
from experiments.command_line import failures, help_text, parsing
from experiments.command_line.config_files import Schema

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 128 + signal.SIGINT
EXIT_PIPE_CLOSED = 128 + signal.SIGPIPE


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
        main: the program; called with its flags and its validated configuration.
        summary: what the program does, for `--help`.
        define_flags: defines the program's flags.
        base_config: returns the base configuration; reads `--config=FILE` if given.
        argv: arguments without the program's name; by default those of this process.
        schema: fields of the configuration.

    Returns:
        0 on success, 2 after a user error, 130 when interrupted, 141 when the output pipe closes.
    """
    arguments = [_at_home(text) for text in (sys.argv[1:] if argv is None else argv)]
    name = _name(main)
    logging.set_verbosity(logging.ERROR)
    warnings.filterwarnings("ignore", message="os.fork", category=RuntimeWarning)
    devices.pin_defaults()
    try:
        if any(argument in help_text.REQUESTS for argument in arguments):
            print(help_text.text(name, summary, define_flags, schema))
        else:
            values, config = parsing.parse(arguments, define_flags, base_config, schema)
            main(values, config)
        sys.stdout.flush()
        return 0
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except Exception as error:
        if isinstance(error, BrokenPipeError) and failures.nobody_reads():
            return EXIT_PIPE_CLOSED
        message = failures.message_for_user(error)
        if message is None:
            raise
        print(f"{name}: {failures.one_line(message)}", file=sys.stderr)
        return EXIT_USER_ERROR


def program(
    main: Callable[[flags.FlagValues, ConfigDict], None],
    summary: str | None,
    define_flags: Callable[[flags.FlagValues], None],
    base_config: Callable[[flags.FlagValues], ConfigDict],
    schema: Schema = config_lib,
    *,
    rewrite: Callable[[Sequence[str]], Sequence[str]] = list,
) -> Callable[..., int]:
    """Returns a module's `main`: `run` with all arguments bound except `argv`.

    Args:
        main, summary, define_flags, base_config, schema: see `run`.
        rewrite: transforms the arguments before parsing.
    """

    def run_program(argv: Sequence[str] | None = None) -> int:
        return run(
            main,
            summary=summary or "",
            define_flags=define_flags,
            base_config=base_config,
            argv=rewrite(sys.argv[1:] if argv is None else argv),
            schema=schema,
        )

    return run_program


def recorded_program(
    main: Callable[[flags.FlagValues, ConfigDict, str], None],
    summary: str | None,
    define_flags: Callable[[flags.FlagValues], None],
    base_config: Callable[[flags.FlagValues], ConfigDict],
    schema: Schema = config_lib,
    *,
    rewrite: Callable[[Sequence[str]], Sequence[str]] = list,
) -> Callable[..., int]:
    """Returns a `main` as `program` does; the program also receives its command, shell-quoted."""

    def run_program(argv: Sequence[str] | None = None) -> int:
        arguments = sys.argv[1:] if argv is None else argv
        command = shlex.join(["python", "-m", f"experiments.{_name(main)}", *arguments])

        def with_command(values: flags.FlagValues, config: ConfigDict) -> None:
            main(values, config, command)

        with_command.__module__ = main.__module__
        start = program(with_command, summary, define_flags, base_config, schema, rewrite=rewrite)
        return start(arguments)

    return run_program


def _name(main: Callable[..., None]) -> str:
    """Returns the program's name, without its package."""
    name = main.__module__.rpartition(".")[2]
    return Path(sys.argv[0]).stem if name == "__main__" else name


def _at_home(argument: str) -> str:
    """Expands `~` wherever a path may begin; a shell expands it only at the start of a word."""
    return re.sub(r"(?<=[=,])~(?=/)", str(Path.home()), argument)
