"""Command lines and error reports of all programs in `hardware`.

A user's mistake ends the program with exit status 2 and one line on stderr that says what to
change. Bugs keep their traceback.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import select
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from hardware.base.errors import Held, UserError

EXIT_HELD = 1
EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 128 + signal.SIGINT
EXIT_PIPE_CLOSED = 128 + signal.SIGPIPE


class Parser(argparse.ArgumentParser):
    """A parser that raises `UserError` instead of printing its usage.

    Args:
        program: the module's name, for `--help` and messages.
        summary: description of the program for `--help`.
    """

    def __init__(self, program: str, summary: str):
        super().__init__(
            prog=f"python -m hardware.{program}",
            description=summary,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.program = program

    def error(self, message: str):
        """Raises `UserError`."""
        raise UserError(f"{message}; see --help")

    def exit(self, status=0, message=None):
        """Ends the program after `--help`; flushes so that `run` catches a closed pipe."""
        sys.stdout.flush()
        super().exit(status, message)


def run(
    main: Callable[[argparse.Namespace], None], parser: Parser, argv: Sequence[str] | None
) -> int:
    """Parses a command line, runs a program and returns its exit status.

    Args:
        main: the program, a function of its flags.
        parser: parser of its flags.
        argv: arguments without the program's name; None takes those of this process.

    Returns:
        0 on success, 1 after a fault that holds the hand, 2 after a user's error, 130 when
        interrupted, 141 when the output's pipe is closed.
    """
    try:
        # roslaunch adds arguments such as __name:=...; rospy reads them from sys.argv itself.
        given = sys.argv[1:] if argv is None else argv
        arguments = [_at_home(text) for text in given if ":=" not in text]
        values = parser.parse_args(arguments)
        for name, value in vars(values).items():
            if value == "":
                raise UserError(f"--{name} is empty; give it a value, or leave it out")
        main(values)
        sys.stdout.flush()
        return 0
    except KeyboardInterrupt:
        print(f"{parser.program}: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except Held as error:
        print(f"{parser.program}: the hand is held: {error}", file=sys.stderr)
        return EXIT_HELD
    except UserError as error:
        message = str(error)
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads():
            return EXIT_PIPE_CLOSED
        where = f": {error.filename}" if error.filename else ""
        message = f"{error.strerror or error}{where}; check the path, its permissions and the disk"
    print(f"{parser.program}: {' '.join(message.split())}", file=sys.stderr)
    return EXIT_USER_ERROR


def _nobody_reads() -> bool:
    """Whether the reader of standard output has ended (`| head`); if so, discards the rest."""
    output = sys.__stdout__
    if output is None:
        return False
    poll = select.poll()
    poll.register(output.fileno(), 0)
    if not any(event & select.POLLERR for _, event in poll.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())
    return True


def _at_home(argument: str) -> str:
    """Expands `~` after `=` and `,`, where the shell leaves it as it is."""
    return re.sub(r"(?<=[=,])~(?=/)", str(Path.home()), argument)


@contextlib.contextmanager
def needs_ros() -> Iterator[None]:
    """Context for importing modules that need ROS 1.

    Raises:
        UserError: ROS 1 is missing.
    """
    try:
        yield
    except ImportError as error:
        raise UserError(
            f"ROS 1 is missing ({error}); source its setup.bash, or install rospy"
        ) from None


@contextlib.contextmanager
def needs_mujoco(flag: str) -> Iterator[None]:
    """Context for importing modules that need MuJoCo.

    Args:
        flag: the flag that needs them, for messages.

    Raises:
        UserError: MuJoCo is missing.
    """
    try:
        yield
    except ImportError as error:
        raise UserError(f"{flag} needs MuJoCo ({error}); run it on the training machine") from None


def whole_number(low: int) -> Callable[[str], int]:
    """A flag's type: integers of at least `low`."""

    def parse(text: str) -> int:
        if not text.lstrip("-").isdigit() or int(text) < low:
            raise argparse.ArgumentTypeError(f"{text!r} must be a whole number, {low} or more")
        return int(text)

    return parse


def positive_number(text: str) -> float:
    """A flag's type: finite numbers greater than 0."""
    return _number(text, "a number greater than 0", lambda value: value > 0)


def share(text: str) -> float:
    """A flag's type: numbers from 0 to 1."""
    return _number(text, "a number from 0 to 1", lambda value: 0 <= value <= 1)


def number_from_zero(text: str) -> float:
    """A flag's type: finite numbers of at least 0."""
    return _number(text, "a number, 0 or more", lambda value: value >= 0)


def _number(text: str, kind: str, fits: Callable[[float], bool]) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not (abs(value) < float("inf") and fits(value)):  # False for NaN too
        raise argparse.ArgumentTypeError(f"{text!r} must be {kind}")
    return value


def new_file(flag: str, path: str, *, ending: str) -> Path:
    """Checks the path of a file that will be written later, before the work starts.

    Raises:
        UserError: the path has a different ending, exists already, or has no folder.
    """
    target = Path(path)
    if target.suffix != ending:
        raise UserError(f"--{flag}: {path!r} must end in {ending}")
    if target.exists():
        raise UserError(f"--{flag}: {path!r} already exists; choose another name")
    if not target.absolute().parent.is_dir():
        raise UserError(f"--{flag}: the folder of {path!r} does not exist; create it first")
    return target
