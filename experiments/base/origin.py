"""The origin of a run: command, source commit, date and machine."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

from experiments.base import machine

_SOURCE = Path(__file__).parents[2]
UNKNOWN = dict.fromkeys(("command", "commit", "date", "machine"))  # for runs without origin.json


def describe(command: str) -> dict[str, str | None]:
    """Returns the content of `origin.json` for a run that starts now.

    Args:
        command: command line, quoted for a shell.
    """
    return {"command": command, **here()}


def here() -> dict[str, str | None]:
    """Returns the source commit, the date and the machine of this process."""
    return {
        "commit": commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine.device(),
    }


def commit(source: Path = _SOURCE) -> str | None:
    """Returns the git commit of a source tree, with `+changes` if tracked files are modified.

    Returns:
        None if the folder is not the root of a git checkout, as in an installed package.
    """
    if not (source / ".git").exists():
        return None
    describe = ("describe", "--always", "--exclude=*", "--abbrev=40", "--dirty=+changes")
    try:
        git = subprocess.run(
            ["git", "-C", source, *describe], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):  # git is missing or refuses to read the tree
        return None
    return git.stdout.strip()
