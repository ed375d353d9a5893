"""The one place where the programs of `hardware` read command lines and report users' errors.

Whatever a user can get wrong ends in one line on stderr that says what to change, and exit status
2. Errors of a program itself keep their traceback.
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
    """A parser of `--name=value` that raises `UserError` instead of printing its usage.

    Args:
        program: the module's name, for `--help` and for messages.
        summary: what the program does.
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
        """See `UserError`."""
        raise UserError(f"{message}; --help lists what there is")

    def exit(self, status=0, message=None):
        """After `--help`; `run` must hear of it if nobody reads."""
        sys.stdout.flush()
        super().exit(status, message)


def run(
    main: Callable[[argparse.Namespace], None], parser: Parser, argv: Sequence[str] | None
) -> int:
    """Parses a command line, runs a program and returns its exit status.

    Args:
        main: the program.
        parser: of its flags.
        argv: the arguments without the program's name; those of this process for None.

    Returns:
        0; 1 after a fault that holds the hand, 2 after an error of the user's, 130 when
        interrupted, 141 when nobody reads the output.
    """
    try:
        # rospy itself takes from sys.argv what roslaunch adds: __name:=..., other topics.
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


def _at_home(argument: str) -> str:
    """An argument with `~` expanded wherever a path may begin; a shell does so in words alone."""
    return re.sub(r"(?<=[=,])~(?=/)", str(Path.home()), argument)


@contextlib.contextmanager
def needs_ros() -> Iterator[None]:
    """Within it, modules that need ROS 1 are imported.

    Raises:
        UserError: there is no ROS 1 here.
    """
    try:
        yield
    except ImportError as error:
        raise UserError(
            f"there is no ROS 1 here ({error}); source its setup.bash, or install rospy"
        ) from None


@contextlib.contextmanager
def needs_mujoco(flag: str) -> Iterator[None]:
    """Within it, modules that need MuJoCo are imported.

    Args:
        flag: that asks for them, for messages.

    Raises:
        UserError: there is no MuJoCo here.
    """
    try:
        yield
    except ImportError as error:
        raise UserError(f"{flag} needs MuJoCo ({error}); run it where one trains") from None


def whole_number(low: int) -> Callable[[str], int]:
    """A type for flags: whole numbers from `low` on."""

    def parse(text: str) -> int:
        if not text.lstrip("-").isdigit() or int(text) < low:
            raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from {low} on")
        return int(text)

    return parse


def positive_number(text: str) -> float:
    """A type for flags: finite numbers above 0."""
    return _number(text, "a number greater than 0", lambda value: value > 0)


def share(text: str) -> float:
    """A type for flags: numbers from 0 to 1."""
    return _number(text, "a number from 0 to 1", lambda value: 0 <= value <= 1)


def number_from_zero(text: str) -> float:
    """A type for flags: finite numbers from 0 on."""
    return _number(text, "a number from 0 on", lambda value: value >= 0)


def _number(text: str, kind: str, fits: Callable[[float], bool]) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not (abs(value) < float("inf") and fits(value)):  # False for NaN too
        raise argparse.ArgumentTypeError(f"{text!r} must be {kind}")
    return value


def new_file(flag: str, path: str, *, ending: str) -> Path:
    """The path of a file to be written later, checked before the work starts.

    Raises:
        UserError: it ends otherwise, is there already, or its folder is not.
    """
    target = Path(path)
    if target.suffix != ending:
        raise UserError(f"--{flag}: {path!r} must end in {ending}")
    if target.exists():
        raise UserError(f"--{flag}: {path!r} is there already; choose another name")
    if not target.absolute().parent.is_dir():
        raise UserError(f"--{flag}: the folder of {path!r} is not there; make it first")
    return target
